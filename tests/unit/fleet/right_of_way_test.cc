// SPDX-License-Identifier: Apache-2.0
//
// Who gives way to whom, and for how long.
#include "controlplane/fleet/right_of_way.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "absl/time/clock.h"

namespace sluice::controlplane {
namespace {

TEST(RightOfWay, AClaimEndsPassagesThatHaveBegunAndThoseThatBeginMeanwhile) {
  RightOfWay way;
  const RightOfWay::Passage before(way);
  EXPECT_FALSE(before.is_over());
  {
    const RightOfWay::Claim claim(way);
    const RightOfWay::Passage meanwhile(way);
    EXPECT_TRUE(meanwhile.is_over());
  }
  const RightOfWay::Passage after(way);

  EXPECT_TRUE(before.is_over()) << "what it sent may be half there";
  EXPECT_FALSE(after.is_over());
}

TEST(RightOfWay, IsFreeWhenTheLastClaimEnds) {
  RightOfWay way;
  EXPECT_TRUE(way.await_free(absl::InfinitePast()));
  std::optional<RightOfWay::Claim> one(way);
  std::optional<RightOfWay::Claim> two(way);
  one.reset();
  EXPECT_FALSE(way.await_free(absl::Now() + absl::Milliseconds(10)));

  std::thread waiter([&] { EXPECT_TRUE(way.await_free(absl::Now() + absl::Seconds(10))); });
  two.reset();
  waiter.join();
}

TEST(RightOfWay, OnlyWhatGaveWaySaysSo) {
  EXPECT_TRUE(has_given_way(given_way()));
  EXPECT_FALSE(has_given_way(absl::AbortedError("it gave way to a recall")));
  EXPECT_FALSE(has_given_way(absl::OkStatus()));
}

}  // namespace
}  // namespace sluice::controlplane

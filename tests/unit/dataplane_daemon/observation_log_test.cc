// SPDX-License-Identifier: Apache-2.0
//
// Which observations are kept, and their numbers.
#include "dataplane/daemon/observation_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/dataplane_daemon/fake_fabric.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kAll = 1'000'000;

class Observations : public testing::Test {
 protected:
  // As if the cores had written events of these ages.
  void write(uint32_t first_age, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i)
      cores.observations.push_back({.age_ms = first_age + i});
    while (log.take_from(cores) != 0) {
    }
  }

  std::vector<std::string> steps;
  FakeCores cores{steps};
  ObservationLog log{5};
};

TEST_F(Observations, AreNumberedFromOne) {
  EXPECT_TRUE(log.after(0, kAll).events.empty());
  write(100, 3);

  const ObservationLog::Page page = log.after(1, kAll);

  EXPECT_EQ(page.first_sequence, 2u);
  ASSERT_EQ(page.events.size(), 2u);
  EXPECT_EQ(page.events[0].age_ms, 101u);
  EXPECT_EQ(page.events[1].age_ms, 102u);
}

TEST_F(Observations, ThatAreOldestGoWhenThereAreTooMany) {
  write(100, 4);
  write(104, 4);

  const ObservationLog::Page page = log.after(1, 2);

  EXPECT_EQ(page.first_sequence, 4u) << "the reader sees what it missed by the number";
  ASSERT_EQ(page.events.size(), 2u);
  EXPECT_EQ(page.events[0].age_ms, 103u);
  EXPECT_EQ(log.after(0, kAll).events.size(), 5u);
}

TEST_F(Observations, BehindTheNewestAreNone) {
  write(100, 3);

  EXPECT_TRUE(log.after(3, kAll).events.empty());
  EXPECT_TRUE(log.after(UINT64_MAX, kAll).events.empty());
}

TEST_F(Observations, AreAllTakenWhenManyCome) {
  ObservationLog large;
  cores.observations.resize(10'000);
  size_t taken = 0;
  while (const size_t count = large.take_from(cores))
    taken += count;

  EXPECT_EQ(taken, 10'000u);
  EXPECT_EQ(large.after(0, kAll).events.size(), 10'000u);
}

}  // namespace
}  // namespace sluice::dataplane

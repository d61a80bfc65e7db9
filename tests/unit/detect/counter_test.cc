// SPDX-License-Identifier: Apache-2.0
//
// What an interval added to a counter.
#include "controlplane/detect/counter.h"

#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

TEST(CounterStep, SaysNothingOfTheFirstValue) {
  CounterStep counter;
  EXPECT_EQ(counter.step(1000), std::nullopt);
}

TEST(CounterStep, GivesWhatWasAdded) {
  CounterStep counter;
  counter.step(1000);
  EXPECT_EQ(counter.step(1007), 7);
  EXPECT_EQ(counter.step(1007), 0);
}

TEST(CounterStep, CountsFromZeroAfterARestart) {
  CounterStep counter;
  counter.step(1000);
  EXPECT_EQ(counter.step(40), 40);
  EXPECT_EQ(counter.step(41), 1);
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// No line that one lcore writes is one that another touches: what they own is made of whole lines.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/runtime/lcore_loop.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kLineBytes = 64;

size_t line_of(const void* address) {
  return reinterpret_cast<uintptr_t>(address) / kLineBytes;
}

template <class T>
void expect_whole_lines(const T* first, const T* second) {
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kLineBytes, 0u);
  EXPECT_EQ(sizeof(T) % kLineBytes, 0u);
  EXPECT_NE(line_of(first), line_of(second));
}

std::unique_ptr<Worker> make_worker(uint8_t lcore) {
  auto worker = std::make_unique<Worker>();
  worker->core = CoreContext::create({.lcore = lcore, .ports = 1, .flow_capacity = 16});
  return worker;
}

TEST(Layout, WorkersShareNoLine) {
  const auto first = make_worker(1);
  const auto second = make_worker(2);
  expect_whole_lines(first.get(), second.get());
  expect_whole_lines(first->core.get(), second->core.get());
  expect_whole_lines(&first->core->counters, &second->core->counters);
  expect_whole_lines(&first->core->target(1), &first->core->target(2));
  expect_whole_lines(&first->core->flows_v4.at(0), &first->core->flows_v4.at(1));
  EXPECT_NE(line_of(&first->core->target(1)), line_of(&second->core->target(1)));
  EXPECT_NE(line_of(&first->core->flows_v4.at(0)), line_of(&second->core->flows_v4.at(0)));
}

// Other threads take events while the lcore writes them: each end has its own line.
TEST(Layout, TheEndsOfARingLieApart) {
  EXPECT_EQ(alignof(EventRing), kLineBytes);
  EXPECT_GE(sizeof(EventRing), 3 * kLineBytes);
}

// What lcores read every turn is written by nobody but a publication, and what one of them counts
// by it alone.
TEST(Layout, CountersThatOthersReadAreApartFromWhatTheLcoreWritesOtherwise) {
  const auto worker = make_worker(1);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(&worker->core->counters) % kLineBytes, 0u);
  EXPECT_EQ(alignof(SnapshotPublisher), kLineBytes);
}

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The ring between an lcore and the daemon.
#include "dataplane/runtime/event_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace sluice::dataplane {
namespace {

FlowEvent event_of(uint64_t id) {
  FlowEvent event;
  event.flow_id = id;
  return event;
}

TEST(EventRing, GivesBackInOrderWhatFitted) {
  EventRing ring;
  ASSERT_TRUE(ring.allocate(4));
  std::array<FlowEvent, 6> in;
  for (uint64_t i = 0; i < in.size(); ++i)
    in[i] = event_of(i);
  std::array<FlowEvent, 8> out;

  EXPECT_EQ(ring.push(in), 4u);
  EXPECT_EQ(ring.pop(std::span(out).first(3)), 3u);
  EXPECT_EQ(ring.push(std::span(in).subspan(4)), 2u);
  EXPECT_EQ(ring.pop(std::span(out).subspan(3)), 3u);

  for (uint64_t i = 0; i < 6; ++i)
    EXPECT_EQ(out[i].flow_id, i);
  EXPECT_TRUE(ring.is_empty());
}

TEST(EventRing, LosesNothingBetweenTwoThreads) {
  constexpr uint64_t kEvents = 50'000;
  EventRing ring;
  ASSERT_TRUE(ring.allocate(64));

  std::thread producer([&] {
    for (uint64_t id = 0; id < kEvents;) {
      const FlowEvent event = event_of(id);
      if (ring.push({&event, 1}) == 1) {
        ++id;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::array<FlowEvent, 16> out;
  uint64_t expected = 0;
  bool in_order = true;
  while (expected < kEvents) {
    const size_t count = ring.pop(out);
    for (size_t i = 0; i < count; ++i)
      in_order &= out[i].flow_id == expected++;
    if (count == 0) std::this_thread::yield();
  }
  producer.join();

  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The packet loop allocates nothing, whatever comes: this program counts every allocation that it
// makes.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/end_turn.h"
#include "dataplane/pipeline/pipeline.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace {

std::atomic<uint64_t> allocations{0};

void* count_and_allocate(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded))
    return memory;
  std::abort();
}

}  // namespace

void* operator new(std::size_t size) {
  return count_and_allocate(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size) {
  return count_and_allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return count_and_allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace sluice::dataplane {
namespace {

std::vector<Bytes> mixed_frames(uint16_t port) {
  const char* const v4 = "203.0.113.10";
  const char* const v6 = "2001:db8:f::10";
  return {
      PacketBuilder().ipv4("198.51.100.7", v4).tcp(port, 80, kTcpSyn).frame(),
      PacketBuilder().ipv4("198.51.100.7", v4).tcp(port, 80, kTcpAck).frame(),
      PacketBuilder().ipv4("198.51.100.7", v4).tcp(port, 80, kTcpFin).frame(),
      PacketBuilder().ipv4("198.51.100.7", v4).tcp(port, 80, kTcpSyn).frame(),
      PacketBuilder().ipv6("2001:db8:2::7", v6).tcp(port, 80, kTcpSyn).frame(),
      PacketBuilder().ipv6("2001:db8:3::7", v6).udp(port, 443).frame(),
      PacketBuilder().ipv4("10.1.2.3", v4).tcp(port, 80, kTcpSyn).frame(),
      PacketBuilder().ipv4("10.1.2.3", v4).udp(port, 443).frame(),
      PacketBuilder().ipv4("198.18.4.7", v4).tcp(port, 80, kTcpSyn).frame(),
      PacketBuilder().ipv4("198.51.100.7", v4).tcp(port, 80, 0).frame(),
      PacketBuilder().ipv4("198.51.100.7", "203.0.113.99").tcp(port, 80, kTcpSyn).frame(),
  };
}

uint64_t allocations_of_a_turn(TestCore& core, const Snapshot& snapshot,
                               const std::vector<Bytes>& frames) {
  std::vector<rte_mbuf*> mbufs;
  for (const Bytes& frame : frames)
    mbufs.push_back(PacketPool::instance().make(frame, TestCore::kIngress));
  CoreContext& context = *core.core;

  const uint64_t before = allocations.load();
  run_pipeline(mbufs, &snapshot, context);
  for (TxBatch& batch : context.tx) {
    rte_pktmbuf_free_bulk(batch.mbufs.data(), batch.count);
    settle(batch, batch.count, context);
  }
  finish_burst(context);
  context.now_ns += 100'000'000;
  end_turn(context);
  context.events.remove_first(context.events.events().size());
  context.observations.remove_first(context.observations.events().size());
  return allocations.load() - before;
}

TEST(PacketLoop, AllocatesNothing) {
  v1::ForwardingTable table = packet_test_table();
  add_rollout(table, "chat-four", "four", "spare");
  TestPolicy policy(table);
  policy.condition("empty", "empty-a").state = BackendState::kDown;
  policy.republish();
  TestCore core(64);

  for (uint16_t port = 1000; port < 1500; ++port) {
    ASSERT_EQ(allocations_of_a_turn(core, *policy.snapshot, mixed_frames(port)), 0u) << port;
  }
  // With backends gone, flows move and steering walks past their slots.
  policy.condition("four", "four-a").state = BackendState::kDown;
  policy.condition("four", "four-b").state = BackendState::kDraining;
  policy.republish();
  for (uint16_t port = 1480; port < 1600; ++port) {
    ASSERT_EQ(allocations_of_a_turn(core, *policy.snapshot, mixed_frames(port)), 0u) << port;
  }
  EXPECT_TRUE(core.is_balanced());
}

}  // namespace
}  // namespace sluice::dataplane

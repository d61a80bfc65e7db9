// SPDX-License-Identifier: Apache-2.0
//
// The short way through headers and the long one read the same packet, whatever is in it.
#include "dataplane/pipeline/parse.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/parse_headers.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

std::vector<Bytes> seeds() {
  const char* const v4 = "203.0.113.10";
  const char* const v6 = "2001:db8:f::10";
  return {
      PacketBuilder().ipv4("198.51.100.7", v4).tcp(1000, 80, kTcpSyn).frame(),
      PacketBuilder().ipv4("198.51.100.7", v4).payload_bytes(30).tcp(1000, 80, kTcpAck).frame(),
      PacketBuilder().ipv4("198.51.100.7", v4).udp(1000, 443).frame(),
      PacketBuilder().ipv6("2001:db8:2::7", v6).tcp(1000, 80, kTcpAck).frame(),
      PacketBuilder().ipv6("2001:db8:2::7", v6).payload_bytes(9).udp(1000, 443).frame(),
  };
}

// Changes a few bytes, mostly of headers, mends the IPv4 checksum as often as not, and cuts or pads
// the frame now and then.
Bytes mutated(Bytes frame, std::mt19937& random) {
  for (unsigned changes = random() % 4; changes > 0; --changes) {
    const size_t position = ethernet::kHeaderBytes + random() % 64;
    if (position < frame.size()) frame[position] = static_cast<uint8_t>(random());
  }
  if (random() % 8 == 0) frame.resize(frame.size() - random() % 40);
  if (random() % 4 == 0) frame.resize(frame.size() + random() % 8);
  uint8_t* const ip = frame.data() + ethernet::kHeaderBytes;
  const bool has_header = frame.size() >= ethernet::kHeaderBytes + ipv4::kHeaderBytes;
  if (has_header && ip[ipv4::kVersionIhl] == 0x45 && random() % 2 == 0) {
    store_be16(ip + ipv4::kChecksum, 0);
    store_be16(ip + ipv4::kChecksum, checksum(ip, ipv4::kHeaderBytes));
  }
  return frame;
}

struct Outcome {
  int taken = 0, dropped = 0;
};

template <Family F>
void compare(const Bytes& frame, TestCore& core, Outcome& outcome) {
  rte_mbuf* const fast = PacketPool::instance().make(frame, 0);
  rte_mbuf* const slow = PacketPool::instance().make(frame, 0);
  const uint64_t dropped = core.dropped_total();
  parse({&fast, 1}, *core.core);
  Packet<F> expected;
  expected.mbuf = slow;
  expected.l2_bytes = ethernet::kHeaderBytes;
  const DropReason reason = parse_headers(expected);

  Burst<F>& burst = core.core->burst<F>();
  if (reason != DropReason::kCount) {
    ++outcome.dropped;
    EXPECT_TRUE(burst.all().empty());
    EXPECT_EQ(core.dropped_total(), dropped + 1);
  } else {
    ++outcome.taken;
    ASSERT_EQ(burst.all().size(), 1u);
    const Packet<F>& packet = burst.all().front();
    EXPECT_EQ(packet.kind, expected.kind);
    EXPECT_EQ(packet.key, expected.key);
    EXPECT_EQ(packet.ip_bytes(), expected.ip_bytes());
    EXPECT_EQ(packet.l4_offset, expected.l4_offset);
    if (packet.kind == PacketKind::kFlow) {
      EXPECT_EQ(packet.tcp_flags, expected.tcp_flags);
    }
    EXPECT_EQ(PacketPool::bytes(fast), PacketPool::bytes(slow)) << "what is cut off at the end";
    rte_pktmbuf_free(fast);
  }
  rte_pktmbuf_free(slow);
  burst.clear();
  core.core->free_drops();
}

TEST(Parse, ReadsPlainPacketsAsTheLongWayDoes) {
  std::mt19937 random(7);
  TestCore core;
  Outcome outcome;
  const std::vector<Bytes> frames = seeds();
  for (int i = 0; i < 200'000; ++i) {
    const Bytes frame = mutated(frames[random() % frames.size()], random);
    if (frame.size() < ethernet::kHeaderBytes) continue;
    SCOPED_TRACE(i);
    const bool is_v4 = load_be16(frame.data() + ethernet::kType) == ethernet::kTypeIpv4;
    if (is_v4) {
      ASSERT_NO_FATAL_FAILURE(compare<Family::kIpv4>(frame, core, outcome));
    } else {
      ASSERT_NO_FATAL_FAILURE(compare<Family::kIpv6>(frame, core, outcome));
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(outcome.taken, 50'000);
  EXPECT_GT(outcome.dropped, 50'000);
}

}  // namespace
}  // namespace sluice::dataplane

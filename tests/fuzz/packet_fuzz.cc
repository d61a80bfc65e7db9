// SPDX-License-Identifier: Apache-2.0
//
// Any frame at all through the packet path: nothing is read beyond its end, nothing is lost from
// the books. Input: one byte that says how the frame arrives, then the frame.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/end_turn.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kFrameBytesMax = 4096;
constexpr uint8_t kChained = 0x01;     // in two segments
constexpr uint8_t kTimePasses = 0x02;  // some flows expire first

struct Node {
  Node() : policy(packet_test_table()) {
    policy.condition("empty", "empty-a").state = BackendState::kDown;
    policy.republish();
  }
  TestPolicy policy;
  TestCore core{64};
};

rte_mbuf* arrive(std::span<const uint8_t> frame, uint8_t how) {
  PacketPool& pool = PacketPool::instance();
  if ((how & kChained) == 0 || frame.size() < 2) return pool.make(frame, TestCore::kIngress);
  return pool.make_chain(frame, 1 + (how >> 2) * frame.size() / 64, TestCore::kIngress);
}

void run_one(std::span<const uint8_t> input) {
  static Node node;
  if (input.empty() || input.size() > kFrameBytesMax) return;
  TestCore& core = node.core;
  if ((input[0] & kTimePasses) != 0) core.pass(5'000'000'000, 1'000'000'000);
  core.send_mbufs({arrive(input.subspan(1), input[0])}, node.policy.snapshot.get());
  core.events.clear();
  if (!core.is_balanced() || PacketPool::instance().in_use() != 0) std::abort();
}

std::string seed_of(uint8_t how, const PacketBuilder& packet) {
  const Bytes frame = packet.frame();
  return static_cast<char>(how) + std::string(frame.begin(), frame.end());
}

}  // namespace
}  // namespace sluice::dataplane

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  sluice::dataplane::run_one({bytes, size});
  return 0;
}

std::vector<std::string> sluice::fuzz::seeds() {
  using sluice::dataplane::PacketBuilder;
  const sluice::dataplane::Bytes options = {0, 1, 4, 0, 0, 0, 0};
  const char* const v4 = "203.0.113.10";
  const char* const v6 = "2001:db8:f::10";
  std::vector<std::string> all;
  for (const uint8_t how : std::initializer_list<uint8_t>{0, 1, 2, 129}) {
    for (const uint8_t flags : std::initializer_list<uint8_t>{0x02, 0x10, 0x11, 0x04}) {
      all.push_back(sluice::dataplane::seed_of(
          how, PacketBuilder().ipv4("198.51.100.7", v4).tcp(40000, 80, flags)));
      all.push_back(sluice::dataplane::seed_of(
          how, PacketBuilder().ipv6("2001:db8:2::7", v6).tcp(40000, 80, flags)));
      all.push_back(sluice::dataplane::seed_of(
          how, PacketBuilder().ipv4("10.1.2.3", v4).tcp(40000, 80, flags).payload_bytes(9)));
    }
    all.push_back(sluice::dataplane::seed_of(
        how, PacketBuilder().ipv4("198.18.3.7", v4).udp(5000, 443).vlan(7).payload_bytes(80)));
    all.push_back(sluice::dataplane::seed_of(
        how, PacketBuilder().ipv6("2001:db8:77::7", v6).udp(5000, 443).payload_bytes(900)));
    all.push_back(sluice::dataplane::seed_of(
        how, PacketBuilder().ipv4("198.51.100.7", v4).option_words(5).tcp(1, 81, 2)));
    all.push_back(sluice::dataplane::seed_of(how, PacketBuilder()
                                                      .ipv6("2001:db8:1::7", v6)
                                                      .extension(0, options)
                                                      .extension(43, {0, 4, 0, 0, 0, 0, 0})
                                                      .extension(44, {0, 0, 0, 0, 0, 0, 9})
                                                      .extension(60, options)
                                                      .tcp(40000, 80, 2)));
  }
  return all;
}

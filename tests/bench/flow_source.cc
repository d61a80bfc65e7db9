// SPDX-License-Identifier: Apache-2.0
//
// Generated frames.
#include "tests/bench/flow_source.h"

#include <rte_eal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>
#include <string>

#include "dataplane/net/checksum.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

namespace {

// Of 2 MiB: enough for the rotation.
constexpr unsigned long kHugepagesWanted = 40;
// Clients have as many ports as this each.
constexpr uint32_t kPortsPerClient = 64;
constexpr uint32_t kFirstPort = 1024;
constexpr uint16_t kServicePort = 80;

unsigned long free_hugepages() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  unsigned long count = 0;
  file >> count;
  return count;
}

void start_eal(bool on_hugepages) {
  static std::vector<std::string> arguments = {"bench",
                                               "--no-pci",
                                               "--lcores",
                                               "0@0,1@0",
                                               "--log-level=error",
                                               "--no-telemetry",
                                               "--file-prefix=bench-" + std::to_string(getpid())};
  if (on_hugepages) {
    arguments.insert(arguments.end(), {"--in-memory", "--single-file-segments", "-m", "80"});
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf", "-m", "80"});
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    std::fputs("bench: EAL does not start\n", stderr);
    std::exit(1);
  }
}

}  // namespace

MbufRotation::MbufRotation(uint32_t count) : on_hugepages_(free_hugepages() >= kHugepagesWanted) {
  start_eal(on_hugepages_);
  rte_mempool* const pool =
      rte_pktmbuf_pool_create("bench", count, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  mbufs_.resize(count);
  if (pool == nullptr || rte_pktmbuf_alloc_bulk(pool, mbufs_.data(), count) != 0) {
    std::fputs("bench: no memory for mbufs\n", stderr);
    std::exit(1);
  }
}

template <Family F>
FlowSource<F>::FlowSource(uint32_t first, uint32_t flows, uint64_t seed) : order_(flows) {
  std::iota(order_.begin(), order_.end(), first);
  std::shuffle(order_.begin(), order_.end(), std::mt19937_64(seed));

  uint8_t* const frame = template_.data();
  constexpr std::array<uint8_t, 12> kMacs{0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1};
  std::copy(kMacs.begin(), kMacs.end(), frame);
  store_be16(frame + ethernet::kType,
             F == Family::kIpv4 ? ethernet::kTypeIpv4 : ethernet::kTypeIpv6);
  uint8_t* const ip = frame + ethernet::kHeaderBytes;
  uint8_t* l4 = nullptr;
  if constexpr (F == Family::kIpv4) {
    ip[ipv4::kVersionIhl] = 0x45;
    store_be16(ip + ipv4::kTotalLength, kFrameBytes - ethernet::kHeaderBytes);
    store_be16(ip + ipv4::kFragment, ipv4::kDontFragment);
    ip[ipv4::kTtl] = 64;
    ip[ipv4::kProtocol] = kProtocolTcp;
    store_be32(ip + ipv4::kDestination, 0xcb00710a);
    l4 = ip + ipv4::kHeaderBytes;
  } else {
    store_be32(ip, 6u << 28);
    store_be16(ip + ipv6::kPayloadLength, tcp::kHeaderBytes);
    ip[ipv6::kNextHeader] = kProtocolTcp;
    ip[ipv6::kHopLimit] = 64;
    store_be32(ip + ipv6::kSource, 0x20010db8);
    store_be32(ip + ipv6::kDestination, 0x20010db8);
    store_be16(ip + ipv6::kDestination + 4, 0x000f);
    ip[ipv6::kDestination + 15] = 0x10;
    l4 = ip + ipv6::kHeaderBytes;
  }
  store_be16(l4 + tcp::kDestinationPort, kServicePort);
  l4[tcp::kDataOffset] = 0x50;
}

template <Family F>
void FlowSource<F>::write(uint32_t flow, uint8_t tcp_flags, uint8_t* frame) const noexcept {
  std::memcpy(frame, template_.data(), kFrameBytes);
  uint8_t* const ip = frame + ethernet::kHeaderBytes;
  const uint32_t client = flow / kPortsPerClient;
  const auto port = static_cast<uint16_t>(kFirstPort + flow % kPortsPerClient);
  uint8_t* l4 = nullptr;
  if constexpr (F == Family::kIpv4) {
    store_be32(ip + ipv4::kSource, 0x0b000001 + client);
    store_be16(ip + ipv4::kChecksum, checksum(ip, ipv4::kHeaderBytes));
    l4 = ip + ipv4::kHeaderBytes;
  } else {
    store_be32(ip + ipv6::kSource + 4, client);
    ip[ipv6::kSource + 15] = 1;
    l4 = ip + ipv6::kHeaderBytes;
  }
  store_be16(l4 + tcp::kSourcePort, port);
  l4[tcp::kFlags] = tcp_flags;
}

template <Family F>
void FlowSource<F>::fill(std::span<rte_mbuf* const> mbufs, uint8_t tcp_flags) noexcept {
  for (rte_mbuf* const mbuf : mbufs) {
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->data_len = kFrameBytes;
    mbuf->pkt_len = kFrameBytes;
    write(order_[next_], tcp_flags, rte_pktmbuf_mtod(mbuf, uint8_t*));
    if (++next_ == order_.size()) next_ = 0;
  }
}

template class FlowSource<Family::kIpv4>;
template class FlowSource<Family::kIpv6>;

}  // namespace sluice::dataplane

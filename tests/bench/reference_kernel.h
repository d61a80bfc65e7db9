// SPDX-License-Identifier: Apache-2.0
//
// The limit that the pipeline is compared with: the smallest balancer that still tracks flows.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/flow/touched_array.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

// Parses, hashes by CRC32C, looks the flow up in one cache line of four entries, writes an IPIP
// header from a template, counts packets and bytes per backend. It takes lengths and checksums on
// trust, expires and records nothing, and an attacker can choose its collisions.
template <Family F>
class ReferenceKernel {
 public:
  static constexpr uint32_t kBackends = 100;
  static constexpr size_t kBurst = 32;

  // Alloc: startup, for `flows` flows at half load.
  explicit ReferenceKernel(uint32_t flows);

  // Shape: frames of TCP without options, at most kBurst.
  void forward(std::span<rte_mbuf* const> mbufs) noexcept;
  uint64_t missed() const noexcept { return missed_; }  // packets that opened a flow
  uint64_t forwarded() const noexcept;

 private:
  static constexpr size_t kWays = 4;
  // Of IPv4 the exact addresses and ports; of IPv6 a fingerprint, which is less than exact.
  struct Entry {
    uint64_t key = 0;
    uint32_t ports = 0;
    uint16_t backend = 0;
    uint16_t is_used = 0;
  };
  struct alignas(64) Bucket {
    std::array<Entry, kWays> ways;
  };
  struct alignas(64) Backend {
    std::array<uint8_t, 34> header{};  // Ethernet and IPv4
    uint32_t header_sum = 0;           // of the IPv4 header's fixed words
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  struct Parsed {
    uint64_t key;
    uint32_t ports;
    uint32_t bucket;
    uint16_t ip_bytes;
  };

  Parsed parse(const uint8_t* ip) const noexcept;
  uint16_t backend_of(const Parsed& parsed) noexcept;
  void encapsulate(rte_mbuf* mbuf, const Parsed& parsed, Backend& backend) noexcept;

  TouchedArray<Bucket> buckets_;
  std::array<Backend, kBackends> backends_;
  uint32_t mask_ = 0;
  uint64_t missed_ = 0;
};

extern template class ReferenceKernel<Family::kIpv4>;
extern template class ReferenceKernel<Family::kIpv6>;

}  // namespace sluice::dataplane

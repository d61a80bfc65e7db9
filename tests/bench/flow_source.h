// SPDX-License-Identifier: Apache-2.0
//
// Frames of many flows in random order, written into mbufs in rotation.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

// The mbufs of a benchmark, from one pool, never given back.
class MbufRotation {
 public:
  // Starts EAL, on hugepages when enough of them are free.
  explicit MbufRotation(uint32_t count);
  std::span<rte_mbuf*> mbufs() noexcept { return mbufs_; }
  bool on_hugepages() const noexcept { return on_hugepages_; }

 private:
  bool on_hugepages_ = false;
  std::vector<rte_mbuf*> mbufs_;
};

// Frames of 60 bytes (IPv4) or 74 bytes (IPv6) from clients to TCP port 80 of the service
// 203.0.113.10 or 2001:db8:f::10, all fields and the IPv4 header checksum as a router leaves them.
template <Family F>
class FlowSource {
 public:
  // Shape: flows [first, first + flows), one packet each per round, in an order that `seed` makes.
  FlowSource(uint32_t first, uint32_t flows, uint64_t seed);

  // Makes the next packet of each mbuf. Starts again after the last flow.
  void fill(std::span<rte_mbuf* const> mbufs, uint8_t tcp_flags) noexcept;

 private:
  static constexpr size_t kFrameBytes = F == Family::kIpv4 ? 60 : 74;

  void write(uint32_t flow, uint8_t tcp_flags, uint8_t* frame) const noexcept;

  std::vector<uint32_t> order_;
  size_t next_ = 0;
  std::array<uint8_t, kFrameBytes> template_{};
};

extern template class FlowSource<Family::kIpv4>;
extern template class FlowSource<Family::kIpv6>;

}  // namespace sluice::dataplane

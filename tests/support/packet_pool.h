// SPDX-License-Identifier: Apache-2.0
//
// mbufs for tests: DPDK without hugepages, devices or files.
#pragma once

#include <span>
#include <vector>

#include "dataplane/pipeline/mbuf.h"

namespace sluice::dataplane {

class PacketPool {
 public:
  static constexpr uint16_t kHeadroomBytes = 128;

  // The one of this process; the first call starts EAL.
  static PacketPool& instance();

  // An mbuf over heap memory of exactly the headroom and these bytes, so that a sanitizer sees what
  // reads past them.
  rte_mbuf* make(std::span<const uint8_t> bytes, uint16_t port);
  // The same bytes as a chain whose first segment has `first_bytes`.
  rte_mbuf* make_chain(std::span<const uint8_t> bytes, size_t first_bytes, uint16_t port);
  // All bytes of the chain.
  static std::vector<uint8_t> bytes(const rte_mbuf* mbuf);
  rte_mempool* mempool() const { return pool_; }
  // mbufs that are not in the pool.
  unsigned in_use() const { return rte_mempool_in_use_count(pool_); }

  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;
  ~PacketPool();

 private:
  PacketPool();
  rte_mempool* pool_;
};

}  // namespace sluice::dataplane

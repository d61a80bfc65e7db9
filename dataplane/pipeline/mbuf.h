// SPDX-License-Identifier: Apache-2.0
//
// DPDK's packet buffers, included in one place.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace sluice::dataplane {

inline uint8_t* bytes_of(rte_mbuf* mbuf) noexcept {
  return rte_pktmbuf_mtod(mbuf, uint8_t*);
}

}  // namespace sluice::dataplane

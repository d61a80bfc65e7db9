// SPDX-License-Identifier: Apache-2.0
//
// Whom a packet can come from.
#pragma once

#include <cstdint>

#include "dataplane/net/flow_key.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

// Source: RFC 1122 section 3.2.1.3, RFC 6890.
inline bool can_be_source(const FlowKey<Family::kIpv4>& key) noexcept {
  constexpr uint8_t kThisNetwork = 0, kLoopback = 127, kMulticastFirst = 224;
  const uint8_t first = key.source()[0];
  return first != kThisNetwork && first != kLoopback && first < kMulticastFirst;
}

// Source: RFC 4291 section 2.5 (unspecified, loopback, link-local), 2.7 (multicast).
inline bool can_be_source(const FlowKey<Family::kIpv6>& key) noexcept {
  const uint8_t* const source = key.source();
  const bool is_unspecified_or_loopback =
      key.words[0] == 0 && load_be32(source + 8) == 0 && load_be32(source + 12) <= 1;
  const bool is_link_local = source[0] == 0xfe && (source[1] & 0xc0) == 0x80;
  return source[0] != 0xff && !is_unspecified_or_loopback && !is_link_local;
}

inline bool is_from_itself(const FlowKey<Family::kIpv4>& key) noexcept {
  return static_cast<uint32_t>(key.words[0]) == key.words[0] >> 32;
}

inline bool is_from_itself(const FlowKey<Family::kIpv6>& key) noexcept {
  return key.words[0] == key.words[2] && key.words[1] == key.words[3];
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Every reason for which Sluice drops a packet: the enum, the label in metrics, and the sentence
// for people.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::dataplane {

enum class DropReason : uint8_t {
  kTruncated,      // shorter than its headers say
  kMalformed,      // header fields that contradict each other or the RFC
  kBadChecksum,    // IPv4 header checksum
  kFragment,       // of a packet to a service
  kUnsupported,    // protocol or extension header that a service cannot take
  kBadAddress,     // source is multicast, broadcast, loopback, unspecified or the service itself
  kTtlExpired,     // TTL or hop limit of 1 or less
  kNoTable,        // the node has no forwarding table yet
  kNotForService,  // nobody to punt to
  kNoRoute,        // no route matches the client: rejected
  kNoPool,         // no eligible pool serves: rejected
  kNoNeighbor,     // the backend's next hop has no MAC yet
  kTooBig,         // does not fit the port's MTU after encapsulation
  kRevoked,        // the flow's pool is no longer eligible for this client
  kRecalled,       // a known flow's backend was recalled, and no answer was due
  kAuditRefused,   // a flow that must be recorded, and cannot be
  kRejectLimited,  // a reply was due and the reply rate is used up
  kNoBuffer,       // no mbuf or headroom
  kTxFull,         // the port did not take it
  kCount
};
inline constexpr size_t kDropReasonCount = static_cast<size_t>(DropReason::kCount);

// The label in metrics and in `LcoreCounters.dropped`, snake_case: "no_neighbor".
std::string_view drop_reason_name(DropReason reason) noexcept;

}  // namespace sluice::dataplane

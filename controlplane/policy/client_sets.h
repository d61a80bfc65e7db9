// SPDX-License-Identifier: Apache-2.0
//
// The sets of clients that the classes of a policy divide all addresses into.
#pragma once

#include <string>
#include <vector>

#include "controlplane/policy/selector.h"
#include "dataplane/net/ip_address.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

inline constexpr const char* kUnknownClass = "unknown";

// Clients that are in the same classes, and therefore have the same labels.
struct ClientSet {
  std::string name;  // the classes' names, shorter to longer prefix, joined by "+"; "unknown" for
                     // clients of none
  Labels labels;     // the union; the longer prefix wins per key
  std::vector<dataplane::IpPrefix>
      prefixes;  // sorted; the longest that holds a client's address decides
};

// Sorted by name; always holds "unknown". Prefixes that cannot be parsed are left out.
// Cost: O(n log n) in the number of prefixes.
std::vector<ClientSet> client_sets(const v1::Policy& policy);

}  // namespace sluice::controlplane

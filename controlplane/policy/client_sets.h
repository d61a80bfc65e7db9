// SPDX-License-Identifier: Apache-2.0
//
// The sets of clients that the classes of a policy divide all addresses into.
#pragma once

#include <compare>
#include <optional>
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

// Where a prefix is written: positions of the class in the policy, of the prefix in the class.
struct PrefixPlace {
  int client_class = 0;
  int prefix = 0;
  friend auto operator<=>(const PrefixPlace&, const PrefixPlace&) = default;
};

// A prefix that cannot be parsed, or that is written twice.
struct PrefixFlaw {
  PrefixPlace place;
  std::optional<PrefixPlace> first;  // where it stands already; nullopt: it cannot be parsed
};

// Depends on the client classes of the policy alone.
struct ClientSets {
  std::vector<ClientSet> sets;    // sorted by name; always holds "unknown"
  std::vector<PrefixFlaw> flaws;  // sorted by place; these prefixes are in no set
};

// "unknown" has no prefixes, whatever is written there.  Cost: O(n log n) in the number of
// prefixes.
ClientSets client_sets(const v1::Policy& policy);

}  // namespace sluice::controlplane

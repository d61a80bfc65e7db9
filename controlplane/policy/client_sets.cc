// SPDX-License-Identifier: Apache-2.0
//
// The sets of clients that the classes of a policy divide all addresses into.
#include "controlplane/policy/client_sets.h"

#include <algorithm>
#include <map>
#include <optional>

namespace sluice::controlplane {
namespace {

using dataplane::IpPrefix;

struct Member {
  IpPrefix prefix;
  PrefixPlace place;
};

// Those that can be parsed, prefixes that hold others before them, each once.
std::vector<Member> sorted_members(const v1::Policy& policy, std::vector<PrefixFlaw>& flaws) {
  std::vector<Member> members;
  for (int i = 0; i < policy.client_classes_size(); ++i) {
    const v1::ClientClass& declared = policy.client_classes(i);
    if (declared.metadata().name() == kUnknownClass) continue;
    for (int j = 0; j < declared.spec().prefixes_size(); ++j) {
      const std::optional<IpPrefix> prefix = IpPrefix::parse(declared.spec().prefixes(j));
      if (prefix) {
        members.push_back({*prefix, {i, j}});
      } else {
        flaws.push_back({{i, j}, std::nullopt});
      }
    }
  }
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.place < b.place;
  });
  std::vector<Member> unique;
  for (const Member& member : members) {
    if (unique.empty() || unique.back().prefix != member.prefix) {
      unique.push_back(member);
    } else {
      flaws.push_back({member.place, unique.back().place});
    }
  }
  std::sort(flaws.begin(), flaws.end(),
            [](const PrefixFlaw& a, const PrefixFlaw& b) { return a.place < b.place; });
  return unique;
}

// The classes of the enclosing prefixes, each where its longest prefix stands.
std::vector<int> chain_of(const std::vector<Member>& enclosing) {
  std::vector<int> chain;
  for (const Member& member : enclosing) {
    std::erase(chain, member.place.client_class);
    chain.push_back(member.place.client_class);
  }
  return chain;
}

ClientSet set_of(const v1::Policy& policy, const std::vector<int>& chain) {
  ClientSet set;
  for (const int index : chain) {
    const v1::Metadata& metadata = policy.client_classes(index).metadata();
    set.name += (set.name.empty() ? "" : "+") + metadata.name();
    set.labels = overlaid(set.labels, metadata.labels());
  }
  return set;
}

ClientSet unknown_set(const v1::Policy& policy) {
  for (const v1::ClientClass& declared : policy.client_classes()) {
    if (declared.metadata().name() == kUnknownClass) {
      return {kUnknownClass, to_labels(declared.metadata().labels()), {}};
    }
  }
  return {kUnknownClass, {}, {}};
}

}  // namespace

ClientSets client_sets(const v1::Policy& policy) {
  ClientSets result;
  std::map<std::vector<int>, ClientSet> by_chain;
  std::vector<Member> enclosing;
  for (const Member& member : sorted_members(policy, result.flaws)) {
    while (!enclosing.empty() && !enclosing.back().prefix.contains(member.prefix))
      enclosing.pop_back();
    enclosing.push_back(member);
    const std::vector<int> chain = chain_of(enclosing);
    auto found = by_chain.find(chain);
    if (found == by_chain.end()) found = by_chain.emplace(chain, set_of(policy, chain)).first;
    found->second.prefixes.push_back(member.prefix);
  }
  result.sets.push_back(unknown_set(policy));
  for (auto& [chain, set] : by_chain)
    result.sets.push_back(std::move(set));
  std::sort(result.sets.begin(), result.sets.end(),
            [](const ClientSet& a, const ClientSet& b) { return a.name < b.name; });
  return result;
}

}  // namespace sluice::controlplane

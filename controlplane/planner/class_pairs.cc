// SPDX-License-Identifier: Apache-2.0
//
// Which clients change their class when a policy changes.
#include "controlplane/planner/class_pairs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace sluice::controlplane {
namespace {

using dataplane::IpPrefix;

struct Member {
  IpPrefix prefix;
  size_t set;
};

// The sets of one policy, asked for prefixes in ascending order.
class Side {
 public:
  explicit Side(const ClientSets& clients) {
    for (size_t i = 0; i < clients.sets.size(); ++i) {
      if (clients.sets[i].name == kUnknownClass) unknown_ = i;
      for (const IpPrefix& prefix : clients.sets[i].prefixes)
        members_.push_back({prefix, i});
    }
    std::sort(members_.begin(), members_.end(),
              [](const Member& a, const Member& b) { return a.prefix < b.prefix; });
  }

  std::optional<IpPrefix> next() const {
    if (next_ == members_.size()) return std::nullopt;
    return members_[next_].prefix;
  }

  // The set of the clients that `prefix` begins with; it is the next one of this side or not.
  size_t enter(const IpPrefix& prefix) {
    while (!enclosing_.empty() && !enclosing_.back().prefix.contains(prefix))
      enclosing_.pop_back();
    if (next() == prefix) enclosing_.push_back(members_[next_++]);
    return enclosing_.empty() ? unknown_ : enclosing_.back().set;
  }

  size_t unknown() const { return unknown_; }

 private:
  std::vector<Member> members_;
  size_t next_ = 0;
  size_t unknown_ = 0;
  std::vector<Member> enclosing_;  // each holds the one behind it
};

}  // namespace

std::vector<ClassPair> class_pairs(const ClientSets& before, const ClientSets& after) {
  Side old(before), current(after);
  std::map<std::pair<size_t, size_t>, uint64_t> counts;  // by (after, before)
  counts[{current.unknown(), old.unknown()}] = 0;
  while (true) {
    const std::optional<IpPrefix> one = old.next();
    const std::optional<IpPrefix> other = current.next();
    if (!one && !other) break;
    const IpPrefix prefix = !other || (one && *one < *other) ? *one : *other;
    const size_t was = old.enter(prefix);
    ++counts[{current.enter(prefix), was}];
  }
  std::vector<ClassPair> pairs;
  for (const auto& [sets, prefixes] : counts)
    pairs.push_back({sets.second, sets.first, prefixes});
  return pairs;
}

std::vector<ClassPair> same_pairs(const ClientSets& clients) {
  std::vector<ClassPair> pairs;
  for (size_t i = 0; i < clients.sets.size(); ++i)
    pairs.push_back({i, i, clients.sets[i].prefixes.size()});
  return pairs;
}

}  // namespace sluice::controlplane

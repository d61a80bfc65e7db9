// SPDX-License-Identifier: Apache-2.0
//
// Which clients change their class, against a look-up of single addresses.
#include "controlplane/planner/class_pairs.h"

#include <random>
#include <set>

#include "gtest/gtest.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;

v1::Policy random_policy(std::mt19937& random) {
  v1::Policy policy;
  std::set<std::string> taken;
  for (int i = 0; i < 4; ++i) {
    v1::ClientClass& declared = *policy.add_client_classes();
    declared.mutable_metadata()->set_name("c" + std::to_string(i));
    for (uint32_t j = 0; j < random() % 3; ++j) {
      const auto length = static_cast<uint32_t>(26 + random() % 7);
      const auto host = static_cast<uint32_t>(random() % 64) & ~((1u << (32 - length)) - 1);
      const std::string prefix = "10.0.0." + std::to_string(host) + "/" + std::to_string(length);
      if (taken.insert(prefix).second) declared.mutable_spec()->add_prefixes(prefix);
    }
  }
  return policy;
}

size_t set_of(const ClientSets& clients, const IpAddress& address) {
  size_t best = 0;
  int longest = -1;
  for (size_t i = 0; i < clients.sets.size(); ++i) {
    if (clients.sets[i].name == kUnknownClass && longest < 0) best = i;
    for (const dataplane::IpPrefix& prefix : clients.sets[i].prefixes) {
      if (!prefix.contains(address) || prefix.length() <= longest) continue;
      longest = prefix.length();
      best = i;
    }
  }
  return best;
}

TEST(ClassPairs, AreThoseOfEveryAddress) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const ClientSets before = client_sets(random_policy(random));
    const ClientSets after = client_sets(random_policy(random));

    std::set<std::pair<size_t, size_t>> found;
    for (const ClassPair& pair : class_pairs(before, after))
      found.emplace(pair.before, pair.after);

    std::set<std::pair<size_t, size_t>> expected;
    for (int host = 0; host < 128; ++host) {
      const IpAddress address = *IpAddress::parse("10.0.0." + std::to_string(host));
      expected.emplace(set_of(before, address), set_of(after, address));
    }
    for (const auto& pair : expected)
      EXPECT_TRUE(found.contains(pair)) << round;
    // A prefix that longer ones cover whole has no clients of its own, and is still a prefix.
    EXPECT_LE(found.size(), expected.size() + 16) << round;
  }
}

TEST(ClassPairs, StayWhenNothingChanges) {
  std::mt19937 random(6);
  const ClientSets clients = client_sets(random_policy(random));
  const std::vector<ClassPair> pairs = class_pairs(clients, clients);
  const std::vector<ClassPair> same = same_pairs(clients);
  ASSERT_EQ(pairs.size(), same.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(pairs[i].before, pairs[i].after);
    EXPECT_EQ(pairs[i].after, same[i].after);
    EXPECT_EQ(pairs[i].prefixes, same[i].prefixes);
  }
}

}  // namespace
}  // namespace sluice::controlplane

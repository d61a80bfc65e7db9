// SPDX-License-Identifier: Apache-2.0
//
// The sets of clients that classes make, against a naive model.
#include "controlplane/policy/client_sets.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;
using dataplane::IpPrefix;

void add_class(v1::Policy& policy, const std::string& name,
               const std::vector<std::string>& prefixes,
               const std::vector<std::pair<std::string, std::string>>& labels) {
  v1::ClientClass& added = *policy.add_client_classes();
  added.mutable_metadata()->set_name(name);
  for (const auto& [key, value] : labels)
    (*added.mutable_metadata()->mutable_labels())[key] = value;
  for (const std::string& prefix : prefixes)
    added.mutable_spec()->add_prefixes(prefix);
}

std::string describe(const ClientSet& set) {
  std::string text = set.name + " {";
  for (const auto& [key, value] : set.labels)
    text += key + "=" + value + " ";
  text += "}";
  for (const IpPrefix& prefix : set.prefixes)
    text += " " + prefix.to_string();
  return text;
}

TEST(ClientSets, UniteTheLabelsOfAllClassesThatHoldAClient) {
  v1::Policy policy;
  add_class(policy, "eu", {"198.51.100.0/24", "2001:db8:e::/48"},
            {{"region", "eu"}, {"tier", "free"}});
  add_class(policy, "acme", {"198.51.100.64/26", "10.0.0.0/8"},
            {{"tenant", "acme"}, {"tier", "gold"}});
  add_class(policy, "unknown", {}, {{"region", "unknown"}});

  const std::vector<ClientSet> sets = client_sets(policy).sets;

  ASSERT_EQ(sets.size(), 4u);
  EXPECT_EQ(describe(sets[0]), "acme {tenant=acme tier=gold } 10.0.0.0/8");
  EXPECT_EQ(describe(sets[1]), "eu {region=eu tier=free } 198.51.100.0/24 2001:db8:e::/48");
  EXPECT_EQ(describe(sets[2]), "eu+acme {region=eu tenant=acme tier=gold } 198.51.100.64/26");
  EXPECT_EQ(describe(sets[3]), "unknown {region=unknown }");
}

TEST(ClientSets, NameAClassOnceWhereItsLongestPrefixStands) {
  v1::Policy policy;
  add_class(policy, "a", {"10.0.0.0/8", "10.1.1.0/24"}, {{"x", "a"}});
  add_class(policy, "b", {"10.1.0.0/16"}, {{"x", "b"}});

  const std::vector<ClientSet> sets = client_sets(policy).sets;

  ASSERT_EQ(sets.size(), 4u);
  EXPECT_EQ(describe(sets[0]), "a {x=a } 10.0.0.0/8");
  EXPECT_EQ(describe(sets[1]), "a+b {x=b } 10.1.0.0/16");
  EXPECT_EQ(describe(sets[2]), "b+a {x=a } 10.1.1.0/24");
  EXPECT_EQ(describe(sets[3]), "unknown {}");
}

TEST(ClientSets, TellWhichPrefixesAreInNone) {
  v1::Policy policy;
  add_class(policy, "a", {"10.0.0.0/8", "nonsense", "10.0.0.0/8"}, {});
  add_class(policy, "b", {"192.0.2.0/24", "10.0.0.0/8"}, {});

  const std::vector<PrefixFlaw> flaws = client_sets(policy).flaws;

  ASSERT_EQ(flaws.size(), 3u);
  EXPECT_EQ(flaws[0].place, (PrefixPlace{0, 1}));
  EXPECT_EQ(flaws[0].first, std::nullopt);
  EXPECT_EQ(flaws[1].place, (PrefixPlace{0, 2}));
  EXPECT_EQ(flaws[1].first, (PrefixPlace{0, 0}));
  EXPECT_EQ(flaws[2].place, (PrefixPlace{1, 1}));
  EXPECT_EQ(flaws[2].first, (PrefixPlace{0, 0}));
}

TEST(ClientSets, AreUnknownAloneWithoutClasses) {
  const std::vector<ClientSet> sets = client_sets({}).sets;

  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(describe(sets[0]), "unknown {}");
}

// Labels of an address by the words of the design: shorter to longer prefixes, the longer wins per
// key.
Labels naive_labels(const v1::Policy& policy, const IpAddress& address) {
  std::vector<std::pair<int, const v1::ClientClass*>> holding;
  for (const v1::ClientClass& declared : policy.client_classes()) {
    for (const std::string& text : declared.spec().prefixes()) {
      const IpPrefix prefix = *IpPrefix::parse(text);
      if (prefix.contains(address)) holding.emplace_back(prefix.length(), &declared);
    }
  }
  std::sort(holding.begin(), holding.end());
  Labels labels;
  for (const auto& [length, declared] : holding)
    labels = overlaid(labels, declared->metadata().labels());
  return labels;
}

Labels labels_by_sets(const std::vector<ClientSet>& sets, const IpAddress& address) {
  const ClientSet* best = nullptr;
  int longest = -1;
  for (const ClientSet& set : sets) {
    for (const IpPrefix& prefix : set.prefixes) {
      if (!prefix.contains(address) || prefix.length() <= longest) continue;
      best = &set;
      longest = prefix.length();
    }
  }
  return best == nullptr ? Labels{} : best->labels;
}

TEST(ClientSets, GiveEveryAddressTheLabelsOfTheDesign) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    v1::Policy policy;
    std::vector<IpPrefix> used;
    for (int i = 0; i < 5; ++i) {
      std::vector<std::string> prefixes;
      for (uint32_t j = 0; j < random() % 4; ++j) {
        const auto address = *IpAddress::parse("10.0.0." + std::to_string(random() % 256));
        const IpPrefix prefix = IpPrefix::around(address, static_cast<uint8_t>(24 + random() % 9));
        if (std::find(used.begin(), used.end(), prefix) != used.end()) continue;
        used.push_back(prefix);
        prefixes.push_back(prefix.to_string());
      }
      add_class(
          policy, std::string(1, static_cast<char>('a' + i)), prefixes,
          {{"k" + std::to_string(random() % 3), std::to_string(i)}, {"all", std::to_string(i)}});
    }

    const std::vector<ClientSet> sets = client_sets(policy).sets;

    for (int last = 0; last < 256; ++last) {
      const auto address = *IpAddress::parse("10.0.0." + std::to_string(last));
      EXPECT_EQ(labels_by_sets(sets, address), naive_labels(policy, address))
          << round << " " << last;
    }
  }
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The prefix trie equals a linear scan.
#include "dataplane/table/lpm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

namespace sluice::dataplane {
namespace {

LpmEntry entry(const char* prefix, uint32_t value) {
  return {*IpPrefix::parse(prefix), value};
}

const uint8_t* bytes_of(const IpAddress& address) {
  return address.bytes().data();
}

template <Family F>
IpAddress random_address(std::mt19937_64& random) {
  std::array<uint8_t, F == Family::kIpv4 ? 4 : 16> bytes;
  // Few distinct values per byte, so that prefixes nest.
  for (uint8_t& byte : bytes)
    byte = static_cast<uint8_t>(random() % 3 * 0x41 + random() % 2);
  return *IpAddress::from_bytes(std::span<const uint8_t>(bytes));
}

uint32_t scan(const std::vector<LpmEntry>& entries, const IpAddress& address, uint32_t otherwise) {
  int longest = -1;
  for (const LpmEntry& entry : entries) {
    if (!entry.prefix.contains(address) || entry.prefix.length() < longest) continue;
    longest = entry.prefix.length();
    otherwise = entry.value;
  }
  return otherwise;
}

template <Family F>
void compare_with_scan() {
  std::mt19937_64 random(5);
  for (int round = 0; round < 5; ++round) {
    std::vector<LpmEntry> entries;
    for (uint32_t i = 0; i < 300; ++i) {
      const IpAddress address = random_address<F>(random);
      const auto length = static_cast<uint8_t>(random() % (address.bit_count() + 1u));
      entries.push_back({IpPrefix::around(address, length), i + 1});
    }
    const auto lpm = Lpm<F>::build(entries, 7777);
    for (int i = 0; i < 1000; ++i) {
      const IpAddress address = random_address<F>(random);
      ASSERT_EQ(lpm.find(bytes_of(address)), scan(entries, address, 7777)) << address.to_string();
    }
  }
}

TEST(Lpm, EqualsALinearScanOverIpv4) {
  compare_with_scan<Family::kIpv4>();
}
TEST(Lpm, EqualsALinearScanOverIpv6) {
  compare_with_scan<Family::kIpv6>();
}

TEST(Lpm, GivesTheDefaultWithoutPrefixes) {
  const auto lpm = Lpm<Family::kIpv4>::build({});
  EXPECT_EQ(lpm.find(bytes_of(*IpAddress::parse("10.0.0.1"))), 0u);
  EXPECT_FALSE(lpm.matched(*IpAddress::parse("10.0.0.1")));
}

TEST(Lpm, LongestPrefixWinsWhateverTheOrder) {
  std::vector<LpmEntry> entries{entry("0.0.0.0/0", 1), entry("10.0.0.0/8", 2),
                                entry("10.1.0.0/16", 3), entry("10.1.1.0/25", 4),
                                entry("10.1.1.1/32", 5)};
  do {
    const auto lpm = Lpm<Family::kIpv4>::build(entries);
    const std::pair<const char*, uint32_t> cases[] = {{"9.9.9.9", 1},  {"10.9.9.9", 2},
                                                      {"10.1.9.9", 3}, {"10.1.1.2", 4},
                                                      {"10.1.1.1", 5}, {"10.1.1.128", 3}};
    for (const auto& [address, value] : cases) {
      EXPECT_EQ(lpm.find(bytes_of(*IpAddress::parse(address))), value) << address;
    }
  } while (std::next_permutation(
      entries.begin(), entries.end(),
      [](const LpmEntry& a, const LpmEntry& b) { return a.prefix < b.prefix; }));
}

TEST(Lpm, NamesThePrefixThatDecided) {
  const std::vector<LpmEntry> entries{entry("10.0.0.0/8", 2), entry("10.1.1.0/25", 4),
                                      entry("2001:db8::/32", 6)};
  const auto v4 = Lpm<Family::kIpv4>::build(entries);
  const auto v6 = Lpm<Family::kIpv6>::build(entries);

  EXPECT_EQ(v4.matched(*IpAddress::parse("10.1.1.7"))->to_string(), "10.1.1.0/25");
  EXPECT_EQ(v4.matched(*IpAddress::parse("10.1.1.200"))->to_string(), "10.0.0.0/8");
  EXPECT_FALSE(v4.matched(*IpAddress::parse("11.0.0.0")));
  EXPECT_EQ(v6.matched(*IpAddress::parse("2001:db8::1"))->to_string(), "2001:db8::/32");
  EXPECT_EQ(v4.entries().size(), 2u);
}

TEST(Lpm, OfEqualPrefixesTheLaterCounts) {
  const std::vector<LpmEntry> entries{entry("10.0.0.0/8", 1), entry("10.0.0.0/8", 2)};
  const auto lpm = Lpm<Family::kIpv4>::build(entries);
  EXPECT_EQ(lpm.find(bytes_of(*IpAddress::parse("10.0.0.1"))), 2u);
}

// Adds, removes and changes a few entries.
template <Family F>
void change(std::vector<LpmEntry>& entries, std::mt19937_64& random) {
  for (uint64_t changes = random() % 6; changes > 0; --changes) {
    const auto value = static_cast<uint32_t>(random() % 1000);
    const size_t position = entries.empty() ? 0 : random() % entries.size();
    if (entries.empty() || random() % 3 == 0) {
      const IpAddress address = random_address<F>(random);
      const auto length = static_cast<uint8_t>(random() % (address.bit_count() + 1u));
      entries.push_back({IpPrefix::around(address, length), value});
    } else if (random() % 2 == 0) {
      entries[position].value = value;
    } else {
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(position));
    }
  }
}

template <Family F>
void update_at_random(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<LpmEntry> entries;
  for (int i = 0; i < 200; ++i)
    change<F>(entries, random);
  auto updated = Lpm<F>::build(entries, 7777);
  for (int step = 0; step < 50; ++step) {
    change<F>(entries, random);

    updated = updated.updated(entries);

    const auto fresh = Lpm<F>::build(entries, 7777);
    ASSERT_TRUE(std::ranges::equal(updated.entries(), fresh.entries()));
    for (int i = 0; i < 200; ++i) {
      const IpAddress address = random_address<F>(random);
      const uint32_t found = updated.find(bytes_of(address));
      ASSERT_EQ(found, fresh.find(bytes_of(address))) << seed << ' ' << address.to_string();
      ASSERT_EQ(found, scan(entries, address, 7777)) << seed << ' ' << address.to_string();
    }
  }
}

// Fifty updates are more than there is room for, so that this sees the new beginning, too.
TEST(Lpm, UpdatedEqualsBuiltAnewOverIpv4) {
  for (uint64_t seed = 0; seed < 4; ++seed)
    update_at_random<Family::kIpv4>(seed);
}
TEST(Lpm, UpdatedEqualsBuiltAnewOverIpv6) {
  for (uint64_t seed = 0; seed < 4; ++seed)
    update_at_random<Family::kIpv6>(seed);
}

TEST(Lpm, OldTriesStayAsTheyWereWhateverIsMadeOfThem) {
  const std::vector<LpmEntry> entries{entry("10.0.0.0/8", 1), entry("10.1.1.0/25", 2)};
  const auto old = Lpm<Family::kIpv4>::build(entries);
  {
    const auto one = old.updated({entry("10.1.1.0/25", 3)});
    const auto other = old.updated({entry("10.0.0.0/8", 4), entry("10.1.1.0/24", 5)});
    EXPECT_EQ(one.find(bytes_of(*IpAddress::parse("10.1.1.1"))), 3u);
    EXPECT_EQ(one.find(bytes_of(*IpAddress::parse("10.1.1.200"))), 0u);
    EXPECT_EQ(other.find(bytes_of(*IpAddress::parse("10.1.1.1"))), 5u);
    EXPECT_EQ(other.find(bytes_of(*IpAddress::parse("10.2.2.2"))), 4u);
  }
  EXPECT_EQ(old.find(bytes_of(*IpAddress::parse("10.1.1.1"))), 2u);
  EXPECT_EQ(old.find(bytes_of(*IpAddress::parse("10.1.1.200"))), 1u);
  EXPECT_EQ(old.entries().size(), 2u);
}

TEST(Lpm, AnUpdateAddsOnlyTheWayToTheChange) {
  std::vector<LpmEntry> entries;
  for (uint32_t i = 0; i < 20'000; ++i) {
    const std::array<uint8_t, 4> bytes{10, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i),
                                       0};
    entries.push_back({*IpPrefix::make(*IpAddress::from_bytes(bytes), 26), i});
  }
  const auto old = Lpm<Family::kIpv4>::build(entries);
  const size_t bytes_before = old.memory_bytes();
  entries[12'345].value = 1;

  const auto updated = old.updated(entries);

  const size_t added = updated.memory_bytes() - bytes_before;
  EXPECT_EQ(added, (65536 + 2 * 256) * sizeof(uint32_t));  // a root and two nodes
  EXPECT_GT(bytes_before, 20'000 * 256 * sizeof(uint32_t));
}

TEST(Lpm, SeveralThreadsMayUpdateTheSameTrie) {
  const auto old = Lpm<Family::kIpv4>::build({entry("10.0.0.0/8", 1)});
  std::vector<std::jthread> threads;
  std::vector<uint32_t> found(8);
  for (uint32_t i = 0; i < found.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto updated = old.updated({entry("10.0.0.0/8", 1), entry("10.1.1.0/25", 100 + i)});
      found[i] = updated.find(bytes_of(*IpAddress::parse("10.1.1.1")));
    });
  }
  threads.clear();  // waits for them
  EXPECT_EQ(found, (std::vector<uint32_t>{100, 101, 102, 103, 104, 105, 106, 107}));
}

}  // namespace
}  // namespace sluice::dataplane

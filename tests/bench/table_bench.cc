// SPDX-License-Identifier: Apache-2.0
//
// What the building of tables costs: Maglev slots, prefix tries, sticky splits.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "dataplane/maglev/maglev_table.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/table/lpm.h"
#include "tests/bench/result.h"

namespace sluice::dataplane {
namespace {

using bench::best;
using bench::keep;
using bench::Result;
using bench::Rounds;
using bench::time_us;

constexpr HashKey kKey{0x0123456789abcdef, 0xfedcba9876543210};
constexpr uint32_t kBackends = 1000;
constexpr uint32_t kSlots = 65537;
constexpr uint32_t kPrefixesV4 = 350'000;
constexpr uint32_t kPrefixesV6 = 150'000;
constexpr uint32_t kChanges = 100;
constexpr int kRepeats = 20;  // of what takes less than a millisecond; a round counts the best

void print(const Result& result) {
  bench::print("table", "us", result);
}

// The limit of a table build: its slots are written once each, in no order.
class RandomWrites {
 public:
  explicit RandomWrites(std::mt19937_64& random) : order_(kSlots), slots_(kSlots) {
    std::iota(order_.begin(), order_.end(), 0u);
    std::shuffle(order_.begin(), order_.end(), random);
  }
  void pass() {
    ++value_;
    for (const uint32_t slot : order_)
      slots_[slot] = value_;
    keep(slots_.front());
  }

 private:
  std::vector<uint32_t> order_, slots_;
  uint32_t value_ = 0;
};

void measure_maglev(const std::string& name, uint32_t weight_max, int rounds) {
  std::mt19937_64 random(1);
  RandomWrites writes(random);
  std::vector<MaglevMember> members;
  for (uint32_t i = 0; i < kBackends; ++i) {
    members.push_back(
        {"backend-" + std::to_string(i), static_cast<uint32_t>(random() % weight_max + 1)});
  }
  Result result{name, kBackends};
  for (int round = 0; round < rounds; ++round) {
    Rounds ours, limit;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      limit.push_back(time_us([&] { writes.pass(); }));
      ours.push_back(time_us([&] { keep(MaglevTable::build(members, kSlots, kKey)); }));
    }
    result.ours.push_back(best(ours));
    result.limit.push_back(best(limit));
  }
  print(result);
}

void measure_split(uint32_t pools, int rounds) {
  std::vector<SplitMember> members;
  for (uint32_t i = 0; i < pools; ++i)
    members.push_back({"pool-" + std::to_string(i), 10 + i});
  Result result{"sticky_split_" + std::to_string(pools) + "_pools", pools};
  for (int round = 0; round < rounds; ++round) {
    Rounds ours;
    for (int repeat = 0; repeat < kRepeats; ++repeat)
      ours.push_back(time_us([&] { keep(StickySplit::build(members, "seed", kKey)); }));
    result.ours.push_back(best(ours));
  }
  print(result);
}

// Prefixes as registries give them out: most are /24 and /48, all over what is routed.
std::vector<LpmEntry> make_prefixes(Family family, uint32_t count, std::mt19937_64& random) {
  constexpr std::array<uint8_t, 16> kLengthsV4{24, 24, 24, 24, 24, 24, 24, 23,
                                               22, 22, 21, 20, 19, 18, 16, 32};
  constexpr std::array<uint8_t, 8> kLengthsV6{32, 32, 36, 40, 44, 48, 48, 48};
  constexpr std::array<uint8_t, 6> kFirstV6{0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c};
  std::vector<LpmEntry> entries;
  for (uint32_t i = 0; i < count; ++i) {
    std::array<uint8_t, 16> bytes;
    for (uint8_t& byte : bytes)
      byte = static_cast<uint8_t>(random());
    const bool is_v4 = family == Family::kIpv4;
    if (!is_v4) {
      bytes[0] = kFirstV6[bytes[0] % kFirstV6.size()];
      bytes[1] &= 0x0f;
    }
    const auto address =
        IpAddress::from_bytes(std::span<const uint8_t>(bytes).first(is_v4 ? 4 : 16));
    const uint8_t length =
        is_v4 ? kLengthsV4[random() % kLengthsV4.size()] : kLengthsV6[random() % kLengthsV6.size()];
    entries.push_back({IpPrefix::around(*address, length), static_cast<uint32_t>(random() % 250)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const LpmEntry& a, const LpmEntry& b) { return a.prefix < b.prefix; });
  return entries;
}

struct Tries {
  Lpm<Family::kIpv4> v4;
  Lpm<Family::kIpv6> v6;
};

// Other values for some of the entries, others gone.
void change(std::vector<LpmEntry>& entries, uint32_t changes, std::mt19937_64& random) {
  for (uint32_t i = 0; i < changes; ++i) {
    const size_t position = random() % entries.size();
    if (i % 2 == 0) {
      entries[position].value ^= 1;
    } else {
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(position));
    }
  }
}

void measure_tries(int rounds) {
  std::mt19937_64 random(2);
  std::vector<LpmEntry> v4 = make_prefixes(Family::kIpv4, kPrefixesV4, random);
  std::vector<LpmEntry> v6 = make_prefixes(Family::kIpv6, kPrefixesV6, random);
  Result build{"lpm_build", kPrefixesV4 + kPrefixesV6};
  Result update{"lpm_update_" + std::to_string(kChanges), kPrefixesV4 + kPrefixesV6};
  for (int round = 0; round < rounds; ++round) {
    std::optional<Tries> old;
    auto entries_v4 = v4;
    auto entries_v6 = v6;
    build.ours.push_back(time_us([&] {
      old.emplace(Tries{Lpm<Family::kIpv4>::build(std::move(entries_v4)),
                        Lpm<Family::kIpv6>::build(std::move(entries_v6))});
    }));
    change(v4, kChanges / 2, random);
    change(v6, kChanges / 2, random);
    entries_v4 = v4;
    entries_v6 = v6;
    std::optional<Tries> updated;
    update.ours.push_back(time_us([&] {
      updated.emplace(
          Tries{old->v4.updated(std::move(entries_v4)), old->v6.updated(std::move(entries_v6))});
    }));
    keep(updated);
  }
  print(build);
  print(update);
}

void run(int argc, char** argv) {
  int rounds = 10;
  CLI::App app("Times the building of tables: one line of JSON for each result.");
  app.add_option("--rounds", rounds, "how often each is timed; the best round counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  bool quick = false;
  app.add_flag("--quick", quick, "three rounds");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  if (quick) rounds = 3;
  measure_maglev("maglev_1000x65537", 1, rounds);
  measure_maglev("maglev_1000x65537_random_weights", 1'000'000, rounds);
  measure_tries(rounds);
  measure_split(2, rounds);
  measure_split(8, rounds);
}

}  // namespace
}  // namespace sluice::dataplane

int main(int argc, char** argv) {
  sluice::dataplane::run(argc, argv);
}

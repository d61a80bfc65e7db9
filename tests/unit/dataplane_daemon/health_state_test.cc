// SPDX-License-Identifier: Apache-2.0
//
// How many results in a row it takes.
#include "dataplane/daemon/health_state.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::dataplane {
namespace {

struct Row {
  std::string name;
  Health before;
  std::string results;   // + success, - failure
  std::string expected;  // after each: u up, d down, ? unknown; upper case: not in doubt
};

char letter(const HealthState& state) {
  const char letters[] = {'?', 'u', 'd'};
  const char base = letters[static_cast<size_t>(state.health())];
  return state.is_in_doubt() ? base : static_cast<char>(std::toupper(base));
}

TEST(HealthState, ResultsInARow) {
  const Row rows[] = {
      {"a new backend rises after two", Health::kUnknown, "++", "?U"},
      {"a new backend falls after three", Health::kUnknown, "---", "??D"},
      {"mixed results keep it unknown", Health::kUnknown, "+-+-+", "?????"},
      {"two in a row count after a mixed start", Health::kUnknown, "+-++", "???U"},
      {"up stays up on success", Health::kUp, "++", "UU"},
      {"up falls after three", Health::kUp, "---", "uuD"},
      {"one success clears the doubt", Health::kUp, "--+---", "uuUuuD"},
      {"down rises after two", Health::kDown, "++", "dU"},
      {"down stays down on failure", Health::kDown, "-+-+-", "DdDdD"},
      {"the whole life", Health::kUnknown, "++---++", "?UuuDdU"},
  };
  for (const Row& row : rows) {
    HealthState state(row.before);
    std::string seen;
    for (const char result : row.results) {
      const Health before = state.health();
      const bool changed = state.observe(
          result == '+' ? ProbeResult::kSuccess : ProbeResult::kFailure, {.rise = 2, .fall = 3});
      EXPECT_EQ(changed, before != state.health()) << row.name;
      seen += letter(state);
    }
    EXPECT_EQ(seen, row.expected) << row.name;
  }
}

TEST(HealthState, ThresholdOfOneDecidesAtOnce) {
  HealthState state;

  EXPECT_TRUE(state.observe(ProbeResult::kSuccess, {.rise = 1, .fall = 1}));
  EXPECT_TRUE(state.observe(ProbeResult::kFailure, {.rise = 1, .fall = 1}));
  EXPECT_EQ(state.health(), Health::kDown);
}

}  // namespace
}  // namespace sluice::dataplane

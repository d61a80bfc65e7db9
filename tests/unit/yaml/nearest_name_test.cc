// SPDX-License-Identifier: Apache-2.0
//
// Suggestions for misspelt names.
#include "dataplane/yaml/nearest_name.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sluice {
namespace {

const std::vector<std::string> kFields = {"forwarding", "table_slots", "min_up", "health"};

TEST(Suggestion, NamesTheNearest) {
  EXPECT_EQ(suggestion("forwardng", kFields), "; did you mean forwarding?");
  EXPECT_EQ(suggestion("haelth", kFields), "; did you mean health?");
  EXPECT_EQ(suggestion("tableSlots", kFields), "; did you mean table_slots?");
  EXPECT_EQ(suggestion("MIN-UP", kFields), "; did you mean min_up?");
}

TEST(Suggestion, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(suggestion("colour", kFields), "");
  EXPECT_EQ(suggestion("", kFields), "");
  EXPECT_EQ(suggestion(std::string(100, 'x'), kFields), "");
  EXPECT_EQ(suggestion("x", {}), "");
}

TEST(Quote, EscapesAndCuts) {
  EXPECT_EQ(quote("plain"), "\"plain\"");
  EXPECT_EQ(quote("a\"b\\c\n\x7f"), "\"a\\\"b\\\\c\\x0a\\x7f\"");
  EXPECT_EQ(quote("Grüße"), "\"Grüße\"");
  EXPECT_EQ(quote(std::string(70, 'x')), "\"" + std::string(64, 'x') + "…\"");
  EXPECT_EQ(quote(std::string(63, 'x') + "ü"), "\"" + std::string(63, 'x') + "…\"");
}

}  // namespace
}  // namespace sluice

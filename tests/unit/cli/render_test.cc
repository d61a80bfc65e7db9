// SPDX-License-Identifier: Apache-2.0
//
// The three renderers, against what they are to write.
#include <gtest/gtest.h>

#include <sstream>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/plan.h"
#include "controlplane/cli/render/table.h"
#include "controlplane/cli/render/text.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values)
    text += static_cast<char>(value);
  return text;
}

TEST(TextTable, AlignsColumnsAndLeavesNoTrailingSpaces) {
  TextTable table({"NAME", "STATE", "WHY"});
  table.add({"edge-1", {"up", Colour::kGreen}, ""});
  table.add({"e", {"down", Colour::kRed}, "3 probes failed"});
  std::ostringstream out;

  table.print(out, Palette(Palette::Mode::kPlain), "  ");

  EXPECT_EQ(out.str(),
            "  NAME     STATE   WHY\n"
            "  edge-1   up\n"
            "  e        down    3 probes failed\n");
}

TEST(TextTable, PaintsOnlyTheText) {
  TextTable table({"A", "B"});
  table.add({{"up", Colour::kGreen}, "x"});
  std::ostringstream out;

  table.print(out, Palette(Palette::Mode::kColoured));

  EXPECT_EQ(out.str(), "\x1b[1mA\x1b[0m    \x1b[1mB\x1b[0m\n\x1b[32mup\x1b[0m   x\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table({"A", "B"});
  table.add({"größe", "x"});
  table.add({"gross", "y"});
  std::ostringstream out;

  table.print(out, Palette(Palette::Mode::kPlain));

  EXPECT_EQ(out.str(), "A       B\ngröße   x\ngross   y\n");
}

TEST(TextTable, LetsNoControlCharacterThrough) {
  TextTable table({"A"});
  table.add({"a\nb\tc\x1b[31mred"});
  std::ostringstream out;

  table.print(out, Palette(Palette::Mode::kPlain));

  EXPECT_EQ(out.str(), "A\na\\x0ab\\x09c\\x1b[31mred\n");
}

TEST(Json, UsesProtoNamesAndTextAddresses) {
  v1::BackendStatus status;
  status.set_pool("chat");
  status.set_address(bytes({10, 77, 1, 11}));
  status.set_state(v1::BACKEND_STATE_UP);
  status.mutable_since()->set_seconds(1'800'000'000);

  EXPECT_EQ(document_of(status).to_json(),
            "{\n"
            "  \"pool\": \"chat\",\n"
            "  \"backend\": \"\",\n"
            "  \"address\": \"10.77.1.11\",\n"
            "  \"state\": \"BACKEND_STATE_UP\",\n"
            "  \"since\": \"2027-01-15T08:00:00Z\",\n"
            "  \"reason\": \"\",\n"
            "  \"neighbor_resolved\": false\n"
            "}\n");
}

TEST(Json, QuotesLongNumbersAndSortsMaps) {
  v1::LcoreCounters counters;
  counters.set_lcore(3);
  counters.set_rx(18446744073709551615u);
  (*counters.mutable_dropped())["ttl"] = 2;
  (*counters.mutable_dropped())["checksum"] = 1;

  EXPECT_EQ(document_of(counters, Unset::kOmit).to_json(),
            "{\n"
            "  \"lcore\": 3,\n"
            "  \"rx\": \"18446744073709551615\",\n"
            "  \"dropped\": {\n"
            "    \"checksum\": \"1\",\n"
            "    \"ttl\": \"2\"\n"
            "  }\n"
            "}\n");
}

TEST(Json, EscapesWhatWouldEndTheText) {
  Document document = Document::object();
  document.add("a\"b", Document::text("line\nbreak\\ \x01"));

  EXPECT_EQ(document.to_json(), "{\n  \"a\\\"b\": \"line\\nbreak\\\\ \\u0001\"\n}\n");
}

TEST(Json, WritesPrefixesAndDigestsAsText) {
  v1::ClientClassEntry entry;
  entry.add_prefixes(bytes({198, 51, 100, 0, 24}));
  v1::GetStatusResponse status;
  status.set_digest(bytes({0, 255}));

  EXPECT_NE(document_of(entry).to_json().find("\"198.51.100.0/24\""), std::string::npos);
  EXPECT_NE(document_of(status).to_json().find("\"digest\": \"00ff\""), std::string::npos);
}

TEST(Yaml, NestsListsAndObjectsAndQuotesWhatReadsOtherwise) {
  v1::ListNodesResponse response;
  v1::NodeEntry& node = *response.add_nodes();
  node.set_name("edge-1");
  node.set_address("unix:/run/x.sock");
  node.set_connected(true);
  node.mutable_status()->set_version("1.10");
  node.mutable_status()->set_generation(7);
  node.mutable_status()->set_node("no");

  Document document = Document::object();
  Document items = Document::list();
  items.append(document_of(node, Unset::kOmit));
  document.add("items", std::move(items)).add("none", Document::list());

  EXPECT_EQ(document.to_yaml(),
            "items:\n"
            "  - name: edge-1\n"
            "    address: \"unix:/run/x.sock\"\n"
            "    connected: true\n"
            "    status:\n"
            "      node: \"no\"\n"
            "      version: \"1.10\"\n"
            "      generation: 7\n"
            "none: []\n");
}

TEST(Text, RoundsForPeople) {
  EXPECT_EQ(age_text(absl::Seconds(12)), "12s");
  EXPECT_EQ(age_text(absl::Seconds(185)), "3m5s");
  EXPECT_EQ(age_text(absl::Minutes(124)), "2h4m");
  EXPECT_EQ(age_text(absl::Hours(123)), "5d3h");
  EXPECT_EQ(age_text(absl::Seconds(-3)), "0s");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(812), "812");
  EXPECT_EQ(count_text(2.5), "2.5");
  EXPECT_EQ(count_text(1234), "1.2k");
  EXPECT_EQ(count_text(5.6e9), "5.6G");
  EXPECT_EQ(percent_text(98, 1000), "9.8%");
  EXPECT_EQ(percent_text(0, 0), "-");
}

TEST(Text, BracketsIpv6Endpoints) {
  EXPECT_EQ(endpoint_text(bytes({203, 0, 113, 10}), 80), "203.0.113.10:80");
  EXPECT_EQ(endpoint_text(bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 80),
            "[2001:db8::1]:80");
}

TEST(Plan, ReadsAsCreatedChangedDeleted) {
  v1::PlanResponse plan;
  v1::ObjectDiff& created = *plan.add_diff();
  created.set_kind("Pool");
  created.set_name("chat-v3");
  created.set_action(v1::ObjectDiff::ACTION_CREATE);
  v1::ObjectDiff& changed = *plan.add_diff();
  changed.set_kind("Route");
  changed.set_name("chat-eu");
  changed.set_action(v1::ObjectDiff::ACTION_UPDATE);
  v1::FieldDiff& weight = *changed.add_fields();
  weight.set_path("spec.split[chat-v1].weight");
  weight.set_before("90");
  weight.set_after("80");
  v1::FieldDiff& added = *changed.add_fields();
  added.set_path("spec.fallback");
  added.set_after("- chat-v1\n- chat-v2\n");
  v1::ObjectDiff& deleted = *plan.add_diff();
  deleted.set_kind("Pool");
  deleted.set_name("old");
  deleted.set_action(v1::ObjectDiff::ACTION_DELETE);
  v1::ShareChange& share = *plan.add_shares();
  share.set_service("chat");
  share.set_client_class("eu");
  share.set_pool("chat-v3");
  share.set_after(100'000);
  std::ostringstream out;

  print_diff(out, plan, Palette(Palette::Mode::kPlain));
  print_shares(out, plan, Palette(Palette::Mode::kPlain));

  EXPECT_EQ(out.str(),
            "+ Pool/chat-v3\n"
            "~ Route/chat-eu\n"
            "    ~ spec.split[chat-v1].weight: 90 -> 80\n"
            "    ~ spec.fallback:\n"
            "        + - chat-v1\n"
            "        + - chat-v2\n"
            "- Pool/old\n"
            "\n"
            "Shares of new clients while every pool serves:\n"
            "  SERVICE   CLASS   POOL      BEFORE   AFTER\n"
            "  chat      eu      chat-v3   0.0%     10.0%\n");
}

}  // namespace
}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// The record store: each record once, gaps counted, filters, pages, retention.
#include "controlplane/audit/record_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;

std::unique_ptr<RecordStore> open_store(const std::string& directory) {
  auto store = RecordStore::open(directory);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

v1::FlowRecord record(uint64_t sequence) {
  v1::FlowRecord record;
  record.set_node("edge-1");
  record.set_incarnation("one");
  record.set_sequence(sequence);
  record.set_flow_id(sequence);
  record.mutable_start_time()->set_seconds(static_cast<int64_t>(1000 + sequence));
  return record;
}

v1::FlowRecord monitored(uint64_t sequence, uint64_t revision,
                         const std::vector<std::string>& guardrails) {
  v1::FlowRecord monitored = record(sequence);
  monitored.set_revision(revision);
  *monitored.mutable_would_refuse() = {guardrails.begin(), guardrails.end()};
  return monitored;
}

InsertResult insert(RecordStore& store, const std::vector<v1::FlowRecord>& records) {
  const auto result = store.insert("edge-1", records);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : InsertResult{};
}

std::vector<uint64_t> sequences(RecordStore& store, const v1::QueryRecordsRequest& request) {
  std::vector<uint64_t> found;
  const auto response = store.query(request);
  EXPECT_TRUE(response.ok()) << response.status();
  if (!response.ok()) return found;
  for (const v1::FlowRecord& each : response->records())
    found.push_back(each.sequence());
  return found;
}

TEST(RecordStore, RecordSentTwiceIsThereOnce) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));

  const InsertResult first = insert(*store, {record(1), record(2)});
  const InsertResult again = insert(*store, {record(1), record(2), record(3)});

  EXPECT_EQ(first.inserted, 2U);
  EXPECT_EQ(again.inserted, 1U);
  EXPECT_EQ(again.duplicates, 2U);
  EXPECT_THAT(sequences(*store, {}), ElementsAre(1, 2, 3));
}

TEST(RecordStore, SequenceStartsAnewWithEachIncarnation) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  v1::FlowRecord restarted = record(1);
  restarted.set_incarnation("two");

  insert(*store, {record(1), record(2)});
  const InsertResult result = insert(*store, {restarted});

  EXPECT_EQ(result.inserted, 1U);
  EXPECT_EQ(result.missing, 0U);
  EXPECT_EQ(store->cursor("edge-1")->incarnation, "two");
}

TEST(RecordStore, SkippedSequenceNumbersAreCountedOnce) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));

  const InsertResult gap = insert(*store, {record(3), record(4), record(7)});
  const InsertResult after = insert(*store, {record(8)});

  EXPECT_EQ(gap.missing, 4U);
  EXPECT_EQ(after.missing, 0U);
}

TEST(RecordStore, CursorSurvivesReopening) {
  const TemporaryDirectory directory;
  insert(*open_store(directory.path("audit")), {record(1), record(2)});

  const auto store = open_store(directory.path("audit"));

  EXPECT_EQ(store->cursor("edge-1")->sequence, 2U);
  EXPECT_EQ(store->cursor("edge-1")->incarnation, "one");
  EXPECT_EQ(store->cursor("edge-2")->sequence, 0U);
}

TEST(RecordStore, BatchWithAnotherNodesRecordIsRefusedWhole) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  v1::FlowRecord foreign = record(2);
  foreign.set_node("edge-9");

  const auto result = store->insert("edge-1", std::vector<v1::FlowRecord>{record(1), foreign});

  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(sequences(*store, {}), ElementsAre());
  EXPECT_EQ(store->cursor("edge-1")->sequence, 0U);
}

v1::FlowRecord full_record(uint64_t sequence, std::string client, const std::string& pool) {
  v1::FlowRecord full = record(sequence);
  full.set_client_address(std::move(client));
  full.set_client_port(static_cast<uint32_t>(5000 + sequence));
  full.set_service("chat");
  full.set_client_class("eu");
  full.set_route("chat-eu");
  full.set_pool(pool);
  full.set_backend(pool + "-a");
  return full;
}

struct FilterCase {
  const char* name;
  void (*set)(v1::QueryRecordsRequest& request);
  std::vector<uint64_t> expected;
};

// Whether it is asked before or after what came was sealed.
class RecordSearch : public ::testing::TestWithParam<bool> {
 protected:
  void seal(RecordStore& store) {
    if (!GetParam()) return;
    ASSERT_TRUE(store.seal().ok());
  }
};
INSTANTIATE_TEST_SUITE_P(Sealed, RecordSearch, ::testing::Bool());

TEST_P(RecordSearch, FiltersSelectWhatMatchesAll) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  v1::FlowRecord ended = full_record(3, std::string("\xc6\x33\x64\x41", 4), "v2");
  ended.set_end_reason(v1::END_REASON_FIN);
  const std::string v6("\x20\x01\x0d\xb8\x00\x0e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
  insert(*store, {full_record(1, std::string("\xc6\x33\x64\x01", 4), "v1"),
                  full_record(2, std::string("\xc0\x00\x02\x01", 4), "v1"), ended,
                  full_record(4, v6, "v2")});
  seal(*store);
  using Request = v1::QueryRecordsRequest;
  const std::vector<FilterCase> cases = {
      {"prefix",
       [](Request& r) { r.mutable_filter()->set_client_prefix("198.51.100.0/24"); },
       {1, 3}},
      {"address", [](Request& r) { r.mutable_filter()->set_client_prefix("192.0.2.1"); }, {2}},
      {"longer prefix",
       [](Request& r) { r.mutable_filter()->set_client_prefix("198.51.100.64/26"); },
       {3}},
      {"all of IPv4",
       [](Request& r) { r.mutable_filter()->set_client_prefix("0.0.0.0/0"); },
       {1, 2, 3}},
      {"IPv6", [](Request& r) { r.mutable_filter()->set_client_prefix("2001:db8:e::/48"); }, {4}},
      {"pool", [](Request& r) { r.mutable_filter()->set_pool("v2"); }, {3, 4}},
      {"pool and prefix",
       [](Request& r) {
         r.mutable_filter()->set_pool("v2");
         r.mutable_filter()->set_client_prefix("198.51.100.0/24");
       },
       {3}},
      {"backend", [](Request& r) { r.mutable_filter()->set_backend("v1-a"); }, {1, 2}},
      {"service", [](Request& r) { r.mutable_filter()->set_service("mail"); }, {}},
      {"class", [](Request& r) { r.mutable_filter()->set_client_class("eu"); }, {1, 2, 3, 4}},
      {"route", [](Request& r) { r.mutable_filter()->set_route("chat-us"); }, {}},
      {"port", [](Request& r) { r.mutable_filter()->set_client_port(5002); }, {2}},
      {"flow", [](Request& r) { r.mutable_filter()->set_flow_id(4); }, {4}},
      {"node", [](Request& r) { r.mutable_filter()->set_node("edge-1"); }, {1, 2, 3, 4}},
      {"other node", [](Request& r) { r.mutable_filter()->set_node("edge-2"); }, {}},
      {"ended", [](Request& r) { r.set_ended_only(true); }, {3}},
      {"since", [](Request& r) { r.mutable_since()->set_seconds(1003); }, {3, 4}},
      {"until", [](Request& r) { r.mutable_until()->set_seconds(1003); }, {1, 2}},
  };
  for (const FilterCase& each : cases) {
    SCOPED_TRACE(each.name);
    Request request;
    each.set(request);

    EXPECT_EQ(sequences(*store, request), each.expected);
  }
}

TEST_P(RecordSearch, PagesJoinToTheWholeAlsoWhenStartTimesAreEqual) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  std::vector<v1::FlowRecord> records;
  for (uint64_t sequence = 1; sequence <= 7; ++sequence) {
    records.push_back(record(sequence));
    records.back().mutable_start_time()->set_seconds(1000);
  }
  insert(*store, records);
  seal(*store);

  v1::QueryRecordsRequest request;
  request.set_limit(3);
  std::vector<std::vector<uint64_t>> pages;
  do {
    pages.push_back(sequences(*store, request));
    request.set_page_token(store->query(request)->next_page_token());
  } while (!request.page_token().empty() && pages.size() < 9);

  EXPECT_THAT(pages, ElementsAre(ElementsAre(1, 2, 3), ElementsAre(4, 5, 6), ElementsAre(7)));
}

TEST(RecordStore, WrongQuestionsAreRefused) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  v1::QueryRecordsRequest limit;
  limit.set_limit(10'001);
  v1::QueryRecordsRequest token;
  token.set_page_token("next");
  v1::QueryRecordsRequest prefix;
  prefix.mutable_filter()->set_client_prefix("198.51.100.0/33");

  for (const v1::QueryRecordsRequest& request : {limit, token, prefix}) {
    EXPECT_EQ(store->query(request).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(RecordStore, ExpiryDeletesSegmentsOfWhichEveryRecordStartedBefore) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  insert(*store, {record(1), record(2)});
  ASSERT_TRUE(store->seal().ok());
  insert(*store, {record(3)});
  ASSERT_TRUE(store->seal().ok());

  const auto deleted = store->expire(absl::FromUnixSeconds(1003));

  EXPECT_EQ(*deleted, 2U);
  EXPECT_THAT(sequences(*store, {}), ElementsAre(3));
  EXPECT_EQ(insert(*store, {record(2)}).duplicates, 1U);
}

TEST_P(RecordSearch, WhatAGuardrailWouldRefuseIsFoundByItsWholeName) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  insert(*store, {monitored(1, 7, {"residency", "trial"}), monitored(2, 7, {"trial"}),
                  monitored(3, 7, {}), monitored(4, 7, {"residency-2"})});
  seal(*store);
  v1::QueryRecordsRequest request;

  request.set_would_refuse("residency");
  EXPECT_THAT(sequences(*store, request), ElementsAre(1));
  EXPECT_THAT(store->query(request)->records(0).would_refuse(), ElementsAre("residency", "trial"));
  request.set_would_refuse("trial");
  EXPECT_THAT(sequences(*store, request), ElementsAre(1, 2));
  request.set_would_refuse("%");
  EXPECT_THAT(sequences(*store, request), ElementsAre());
}

TEST(RecordStore, WhatGuardrailsWouldRefuseIsCountedOncePerStartAndOutlivesRecords) {
  const TemporaryDirectory directory;
  v1::FlowRecord end = monitored(3, 7, {"residency"});
  end.set_end_reason(v1::END_REASON_FIN);
  {
    const auto store = open_store(directory.path("audit"));
    insert(*store, {monitored(1, 6, {"residency"}), monitored(2, 7, {"residency", "trial"})});
    ASSERT_TRUE(store->seal().ok());
    insert(*store, {end});
    insert(*store, {end, monitored(4, 7, {"residency"})});
    ASSERT_EQ(*store->expire(absl::FromUnixSeconds(1003)), 2U);
  }
  const auto store = open_store(directory.path("audit"));

  const auto counts = store->would_refuse(7);

  ASSERT_TRUE(counts.ok()) << counts.status();
  ASSERT_EQ(counts->size(), 2U);
  EXPECT_EQ(counts->at(0).guardrail(), "residency");
  EXPECT_EQ(counts->at(0).flows(), 2U);
  EXPECT_EQ(counts->at(0).total_flows(), 3U);
  EXPECT_EQ(counts->at(0).last_time().seconds(), 1004);
  EXPECT_EQ(counts->at(1).guardrail(), "trial");
  EXPECT_EQ(counts->at(1).flows(), 1U);
}

TEST(RecordStore, RecordsOfSeveralSegmentsAndOfNoneComeInOrderAndInPages) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  v1::FlowRecord late = record(3);
  late.mutable_start_time()->set_seconds(1001);
  insert(*store, {record(1), record(2)});
  ASSERT_TRUE(store->seal().ok());
  insert(*store, {late});
  ASSERT_TRUE(store->seal().ok());
  insert(*store, {record(4)});

  v1::QueryRecordsRequest request;
  request.set_limit(2);
  EXPECT_THAT(sequences(*store, request), ElementsAre(1, 3));
  request.set_page_token(store->query(request)->next_page_token());
  EXPECT_THAT(sequences(*store, request), ElementsAre(2, 4));
}

TEST(RecordStore, WhatIsNotSealedSurvivesTheProcess) {
  const TemporaryDirectory directory;
  insert(*open_store(directory.path("audit")), {record(1), record(3)});

  const auto store = open_store(directory.path("audit"));

  EXPECT_THAT(sequences(*store, {}), ElementsAre(1, 3));
  EXPECT_EQ(insert(*store, {record(3), record(4)}).duplicates, 1U);
}

// As a sync that failed, though the disk had the batch, a second sending and a crash leave it.
TEST(RecordStore, BatchThatIsInTheJournalTwiceIsThereOnce) {
  const TemporaryDirectory directory;
  insert(*open_store(directory.path("audit")), {record(1), record(2)});
  const auto folder = std::filesystem::directory_iterator(directory.path("audit/segments"));
  const std::string journal = folder->path().string();
  ASSERT_THAT(journal, HasSubstr(".journal"));
  std::stringstream batch;
  batch << std::ifstream(journal, std::ios::binary).rdbuf();
  std::ofstream(journal, std::ios::binary | std::ios::app) << batch.str();

  const auto store = open_store(directory.path("audit"));

  EXPECT_THAT(sequences(*store, {}), ElementsAre(1, 2));
}

TEST(RecordStore, SealsByItselfWhenTheSegmentIsFullOrOld) {
  const TemporaryDirectory directory;
  const std::string folder = directory.path("audit/segments");
  const auto count = [&] {
    size_t segments = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      segments += entry.path().extension() == ".public" ? 1 : 0;
    return segments;
  };
  const auto wait_for = [&](size_t segments) {
    for (int i = 0; i < 500 && count() < segments; ++i)
      absl::SleepFor(absl::Milliseconds(20));
    return count();
  };
  auto store = *RecordStore::open(directory.path("audit"), {.records_max = 3});
  insert(*store, {record(1), record(2)});
  EXPECT_EQ(count(), 0U);
  insert(*store, {record(3), record(4)});
  EXPECT_EQ(wait_for(1), 1U) << "full";
  store.reset();

  store = *RecordStore::open(directory.path("audit"), {.interval = absl::ZeroDuration()});
  EXPECT_EQ(wait_for(2), 2U) << "old";
  EXPECT_THAT(sequences(*store, {}), ElementsAre(1, 2, 3, 4));
}

// As a crash between the segment's last rename and its entry in the catalog leaves it.
TEST(RecordStore, SegmentThatTheCatalogDoesNotKnowIsTakenOnce) {
  const TemporaryDirectory directory;
  const std::string audit = directory.path("audit");
  insert(*open_store(audit), {record(1), monitored(2, 7, {"residency"})});
  std::filesystem::copy(audit, directory.path("before"), std::filesystem::copy_options::recursive);
  ASSERT_TRUE(open_store(audit)->seal().ok());
  for (const char* name : {"00000000000000000001.public", "00000000000000000001.private"}) {
    std::filesystem::copy_file(audit + "/segments/" + name,
                               directory.path(std::string("before/segments/") + name));
  }

  const auto store = open_store(directory.path("before"));

  EXPECT_THAT(sequences(*store, {}), ElementsAre(1, 2));
  EXPECT_EQ(store->would_refuse(7)->at(0).flows(), 1U);
  EXPECT_EQ(insert(*store, {record(2)}).duplicates, 1U);
}

TEST(RecordStore, DamagedSegmentFailsTheSearchAndNamesTheFile) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("audit"));
  insert(*store, {record(1)});
  ASSERT_TRUE(store->seal().ok());
  std::filesystem::resize_file(directory.path("audit/segments/00000000000000000001.public"), 50);

  const absl::Status status = store->query({}).status();

  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("0001.public at 22: the footer"));
}

// A file as the first version left it, with one record.
void write_version_1(const std::string& directory) {
  const Schema schema = {.application_id = 0x536c7552, .version = 1, .sql = R"sql(
CREATE TABLE stream(
  id INTEGER PRIMARY KEY, node TEXT NOT NULL, incarnation TEXT NOT NULL,
  last_sequence INTEGER NOT NULL, missing INTEGER NOT NULL, UNIQUE(node, incarnation));
CREATE TABLE record(
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream(id),
  start_ns INTEGER NOT NULL, client BLOB NOT NULL, client_port INTEGER NOT NULL,
  flow_id INTEGER NOT NULL, ended INTEGER NOT NULL, service TEXT NOT NULL,
  client_class TEXT NOT NULL, route TEXT NOT NULL, pool TEXT NOT NULL, backend TEXT NOT NULL,
  message BLOB NOT NULL);
INSERT INTO stream VALUES(1, 'edge-1', 'one', 1, 0);
)sql"};
  auto database = Database::open(directory + "/records.db", schema, DatabaseUse::kShared);
  ASSERT_TRUE(database.ok()) << database.status();
  auto insert = *database->prepare(
      "INSERT INTO record VALUES(1, 1, 1001000000000, x'', 0, 1, 0, '', '', '', '', '', ?)");
  ASSERT_TRUE(insert.bind_blob(record(1).SerializeAsString()).run().ok());
}

TEST(RecordStore, FileOfTheFirstVersionKeepsItsRecordsAndTakesMore) {
  const TemporaryDirectory directory;
  write_version_1(directory.path("audit"));

  insert(*open_store(directory.path("audit")), {monitored(2, 7, {"residency"})});
  const auto store = open_store(directory.path("audit"));

  EXPECT_THAT(sequences(*store, {}), ElementsAre(1, 2));
  v1::QueryRecordsRequest request;
  request.set_would_refuse("residency");
  EXPECT_THAT(sequences(*store, request), ElementsAre(2));
  EXPECT_EQ(store->would_refuse(7)->size(), 1U);
}

}  // namespace
}  // namespace sluice::controlplane

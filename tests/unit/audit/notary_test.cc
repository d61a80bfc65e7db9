// SPDX-License-Identifier: Apache-2.0
//
// Events on their way into the signed log, over restarts and restores.
#include "controlplane/audit/notary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "controlplane/audit/log_check.h"
#include "controlplane/audit/tiles.h"
#include "controlplane/store/revision_store.h"
#include "sluice/v1/log.pb.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NotaryTest : public ::testing::Test {
 protected:
  void add(const std::string& kind, size_t detail_bytes = 0) {
    v1::Event event;
    event.set_kind(kind);
    for (size_t i = 0; i < detail_bytes / 1000; ++i)
      (*event.mutable_details())[std::to_string(i)] = std::string(1000, 'x');
    ASSERT_TRUE(events_->append(event).ok());
  }
  absl::StatusOr<std::unique_ptr<Notary>> notary() {
    return Notary::open(folder_, *load_or_make_signer(key_path_), *events_);
  }
  // A notary that lives for a moment signs all there is.
  void sign() {
    const auto opened = notary();
    ASSERT_TRUE(opened.ok()) << opened.status();
    key_ = (*opened)->key();
    records_.reset();
    auto records = RecordStore::open(directory_.path("audit"), {}, (*opened)->segments());
    ASSERT_TRUE(records.ok()) << records.status();
    records_ = *std::move(records);
    (*opened)->start(*records_, absl::Hours(1));
  }
  // Records of one node, the last of this sequence.
  void record_until(uint64_t sequence, bool is_sealed = true) {
    if (records_ == nullptr) records_ = *RecordStore::open(directory_.path("audit"));
    std::vector<v1::FlowRecord> records;
    for (uint64_t i = 1; i <= sequence; ++i) {
      v1::FlowRecord& record = records.emplace_back();
      record.set_node("edge-1");
      record.set_incarnation("one");
      record.set_sequence(i);
    }
    ASSERT_TRUE(records_->insert("edge-1", records).ok());
    if (is_sealed) {
      ASSERT_TRUE(records_->seal().ok());
    }
  }
  void restore_from(const std::string& copy) {
    events_.reset();
    store_.reset();
    std::filesystem::copy_file(directory_.path(copy), directory_.path("c.db"),
                               std::filesystem::copy_options::overwrite_existing);
    store_ = *RevisionStore::open(directory_.path("c.db"));
    events_ = std::make_unique<EventLog>(store_->shared());
  }
  void copy_records() {
    records_.reset();
    std::filesystem::copy(directory_.path("audit"), directory_.path("copy"),
                          std::filesystem::copy_options::recursive);
  }
  void bring_copy_back() {
    records_.reset();
    std::filesystem::remove_all(directory_.path("audit"));
    std::filesystem::copy(directory_.path("copy"), directory_.path("audit"),
                          std::filesystem::copy_options::recursive);
  }
  static std::string text_of(const v1::LogEntry& entry) {
    switch (entry.what_case()) {
      case v1::LogEntry::kRestored:
        return "restored " + std::to_string(entry.restored().sequence());
      case v1::LogEntry::kSegment:
        return "segment " + std::to_string(entry.segment().number()) + " of " +
               std::to_string(entry.segment().records());
      case v1::LogEntry::kSegmentBreak:
        return "break after " + std::to_string(entry.segment_break().segment());
      default:
        return std::to_string(entry.event().sequence()) + " " + entry.event().kind() +
               (entry.whole().empty() ? "" : " (cut)");
    }
  }
  std::vector<std::string> signed_steps() {
    std::vector<std::string> steps;
    const auto check =
        check_log(folder_, {&key_, 1}, std::nullopt, [&](uint64_t, const std::string& bytes) {
          v1::LogEntry entry;
          ASSERT_TRUE(entry.ParseFromString(bytes));
          steps.push_back(text_of(entry));
        });
    EXPECT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->first_bad, std::nullopt) << check->problem;
    return steps;
  }

  testing::TemporaryDirectory directory_;
  const std::string folder_ = directory_.path("log");
  const std::string key_path_ = directory_.path("audit.key");
  std::unique_ptr<RevisionStore> store_ = *RevisionStore::open(directory_.path("c.db"));
  std::unique_ptr<EventLog> events_ = std::make_unique<EventLog>(store_->shared());
  std::unique_ptr<RecordStore> records_;
  NoteKey key_;
};

TEST_F(NotaryTest, SignsEveryEventOnceOverRestarts) {
  add("apply");
  add("recall");
  sign();
  EXPECT_THAT(signed_steps(), ElementsAre("1 apply", "2 recall"));

  sign();
  add("rollback");
  sign();

  EXPECT_THAT(signed_steps(), ElementsAre("1 apply", "2 recall", "3 rollback"));
}

TEST_F(NotaryTest, KeepsWhatWasDoneAfterABackup) {
  add("apply");
  sign();
  store_.reset();
  events_.reset();
  std::filesystem::copy_file(directory_.path("c.db"), directory_.path("backup"));
  restore_from("backup");
  add("recall");
  add("drain");
  sign();

  restore_from("backup");
  add("undrain");
  sign();

  EXPECT_THAT(signed_steps(),
              ElementsAre("1 apply", "2 recall", "3 drain", "restored 1", "2 undrain"));
  sign();
  EXPECT_EQ(signed_steps().size(), 5u) << "it is said once";
}

TEST_F(NotaryTest, SignsEverySegmentOnceOverRestarts) {
  add("apply");
  record_until(3);
  record_until(5);
  sign();
  EXPECT_THAT(signed_steps(), ElementsAre("1 apply", "segment 1 of 3", "segment 2 of 2"));

  sign();
  record_until(9, false);
  add("recall");
  sign();
  EXPECT_THAT(signed_steps(),
              ElementsAre("1 apply", "segment 1 of 3", "segment 2 of 2", "2 recall"))
      << "what is not sealed has no root";
  ASSERT_TRUE(records_->seal().ok());
  sign();

  EXPECT_THAT(signed_steps(), ElementsAre("1 apply", "segment 1 of 3", "segment 2 of 2", "2 recall",
                                          "segment 3 of 4"));
}

TEST_F(NotaryTest, GivesNoNumberTwiceWhenRecordsComeBackWithoutTheirLastSegments) {
  record_until(3);
  record_until(5, false);
  copy_records();
  sign();
  ASSERT_TRUE(records_->seal().ok());
  sign();
  ASSERT_THAT(signed_steps(), ElementsAre("segment 1 of 3", "segment 2 of 2"));
  bring_copy_back();

  sign();
  sign();

  EXPECT_THAT(signed_steps(),
              ElementsAre("segment 1 of 3", "segment 2 of 2", "break after 1", "segment 3 of 2"))
      << "what the copy had not sealed is sealed anew, and told once";
  records_.reset();
  std::filesystem::remove_all(directory_.path("audit"));
  sign();
  record_until(1);
  sign();
  EXPECT_EQ(signed_steps().back(), "segment 4 of 1");
  EXPECT_EQ(signed_steps()[4], "break after 0");
}

TEST_F(NotaryTest, LeavesNoNumberOutWhenTheOlderCopyHadNothingThatWaited) {
  record_until(3);
  copy_records();
  sign();
  record_until(5);
  sign();
  bring_copy_back();
  sign();
  record_until(9);
  sign();

  EXPECT_THAT(signed_steps(),
              ElementsAre("segment 1 of 3", "segment 2 of 2", "break after 1", "segment 3 of 6"));
}

TEST_F(NotaryTest, TellsOfABreakBeforeAnythingBehindItIsSealed) {
  record_until(3);
  record_until(5, false);
  copy_records();
  sign();
  ASSERT_TRUE(records_->seal().ok());
  sign();
  bring_copy_back();
  {
    // A controller that ends before it signs anything.
    const auto opened = notary();
    const auto records = RecordStore::open(directory_.path("audit"), {}, (*opened)->segments());
    ASSERT_TRUE(records.ok()) << records.status();
  }
  sign();

  EXPECT_THAT(signed_steps(),
              ElementsAre("segment 1 of 3", "segment 2 of 2", "break after 1", "segment 3 of 2"));
}

TEST_F(NotaryTest, CutsEventsThatNoEntryHolds) {
  add("apply", 100'000);
  sign();
  EXPECT_THAT(signed_steps(), ElementsAre("1 apply (cut)"));
}

TEST_F(NotaryTest, MakesItsKeyForItsOwnerAlone) {
  sign();
  struct stat status {};
  ASSERT_EQ(::stat(key_path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  ASSERT_TRUE(write_file(key_path_, "no key").ok());
  const auto refused = load_or_make_signer(key_path_);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("audit.key: no private key"));
  EXPECT_TRUE(
      absl::IsUnavailable(load_or_make_signer(directory_.path("nowhere/audit.key")).status()));
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// sluice audit verify: what it says of a log that is whole, changed, forked, or none.
#include <filesystem>

#include "controlplane/audit/record_store.h"
#include "controlplane/audit/segment/folder_check.h"
#include "controlplane/audit/segment/segment_files.h"
#include "controlplane/audit/tile_log.h"
#include "controlplane/audit/tiles.h"
#include "gmock/gmock.h"
#include "sluice/v1/log.pb.h"
#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

using ::testing::HasSubstr;

class Verify : public Cli {
 protected:
  void SetUp() override { grow(1, 300); }

  void grow(uint64_t first, uint64_t last) {
    std::array<uint8_t, 32> seed{};
    auto log = TileLog::open(log_, *NoteSigner::make("sluice/test", seed));
    ASSERT_TRUE(log.ok()) << log.status();
    key_ = log->key().text();
    std::vector<std::string> entries;
    for (uint64_t i = first; i <= last; ++i) {
      v1::LogEntry entry;
      entry.mutable_event()->set_sequence(i);
      entry.mutable_event()->mutable_time()->set_seconds(1'800'000'000 + static_cast<int64_t>(i));
      entries.push_back(entry.SerializeAsString());
    }
    ASSERT_TRUE(log->append(entries).ok());
  }

  const std::string log_ = folder_.path("log");
  std::string key_;
};

TEST_F(Verify, SaysWhatItFoundWhole) {
  const Outcome outcome = run({"audit", "verify", log_, "--key", key_});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, log_ + ": 300 entries, every one as it was signed by sluice/test\n" +
                             "events 1 to 300, 2027-01-15T08:00:01Z to 2027-01-15T08:05:00Z\n");
}

TEST_F(Verify, NamesTheFirstEntryThatWasChanged) {
  const auto path = std::filesystem::path(log_) / entry_bundle_path(0, kTileWidth);
  std::string bytes = *read_file(path);
  bytes[bytes.size() - 1] ^= 1;
  ASSERT_TRUE(write_file(path, bytes).ok());

  const Outcome outcome = run({"audit", "verify", log_, "--key", key_});

  EXPECT_EQ(outcome.code, 9);
  EXPECT_THAT(outcome.err, HasSubstr("entry 255 of 300 does not fit: the entry is not the one"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Verify, HoldsItToACheckpointThatWasKept) {
  const std::string kept = write("kept", *read_file(log_ + "/checkpoint"));
  grow(301, 310);
  const Outcome longer = run({"audit", "verify", log_, "--key", key_, "--since", kept});
  EXPECT_EQ(longer.code, 0) << longer.err;
  EXPECT_THAT(longer.out, HasSubstr("it goes on from the 300 entries that were kept in " + kept));

  std::filesystem::remove_all(log_);
  grow(1, 299);
  const Outcome rolled_back = run({"audit", "verify", log_, "--key", key_, "--since", kept});
  EXPECT_EQ(rolled_back.code, 9);
  EXPECT_THAT(rolled_back.err,
              HasSubstr("the log ends after 299 entries, and a checkpoint of 300"));
}

TEST_F(Verify, MissesEventsThatNobodySigned) {
  grow(302, 302);
  const Outcome outcome = run({"audit", "verify", log_, "--key", key_});
  EXPECT_EQ(outcome.code, 9);
  EXPECT_THAT(
      outcome.err,
      HasSubstr("entry 300 of 301 was signed, and does not follow those before: event 302 is "
                "not the one that follows: that is event 301"));
}

TEST_F(Verify, SaysWhatItCannotUse) {
  EXPECT_EQ(run({"audit", "verify", log_}).code, 3);
  const Outcome no_key = run({"audit", "verify", log_, "--key", "nonsense"});
  EXPECT_EQ(no_key.code, 3);
  EXPECT_THAT(no_key.err, HasSubstr("--key: \"nonsense\" is no key of the form NAME+ID+BASE64"));
  const Outcome other = run({"audit", "verify", log_, "--key",
                             "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"});
  EXPECT_EQ(other.code, 9);
  EXPECT_THAT(other.err, HasSubstr("no key that is known signed it"));
  EXPECT_EQ(run({"audit", "verify", folder_.path("nowhere"), "--key", key_}).code, 4);
  EXPECT_EQ(run({"audit", "verify", log_, "--key", key_, "--since", folder_.path("none")}).code, 4);
}

// The log answers for two segments of flow records.
class VerifySegments : public Verify {
 protected:
  void SetUp() override {
    Verify::SetUp();
    auto records = RecordStore::open(folder_.path("audit"));
    ASSERT_TRUE(records.ok()) << records.status();
    for (uint64_t first : {1, 301}) {
      std::vector<v1::FlowRecord> batch;
      for (uint64_t i = first; i < first + 300; ++i) {
        v1::FlowRecord& record = batch.emplace_back();
        record.set_node("edge-1");
        record.set_incarnation("one");
        record.set_sequence(i);
        record.set_flow_id(i);
        record.mutable_start_time()->set_seconds(static_cast<int64_t>(1000 + i));
      }
      ASSERT_TRUE((*records)->insert("edge-1", batch).ok());
      ASSERT_TRUE((*records)->seal().ok());
    }
    heads_ = *(*records)->heads_after(0, 10);
  }
  void log_heads() {
    std::array<uint8_t, 32> seed{};
    std::vector<std::string> entries;
    for (const v1::SegmentHead& head : heads_) {
      v1::LogEntry entry;
      *entry.mutable_segment() = head;
      entries.push_back(entry.SerializeAsString());
    }
    ASSERT_TRUE(TileLog::open(log_, *NoteSigner::make("sluice/test", seed))->append(entries).ok());
  }
  Outcome verify() {
    return run({"audit", "verify", log_, "--key", key_, "--segments", segments_});
  }

  const std::string segments_ = folder_.path("audit/segments");
  std::vector<v1::SegmentHead> heads_;
};

TEST_F(VerifySegments, HashesEveryRecordThatIsHere) {
  log_heads();
  const Outcome whole = verify();
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_THAT(whole.out,
              HasSubstr("segments of flow records: 2, with 600 records; 0 more never came\n"
                        "segments that are here: 2, all 600 records as they were signed; not here: "
                        "0\n"));

  std::filesystem::remove(public_path(segments_, 1));
  const Outcome expired = verify();
  EXPECT_EQ(expired.code, 0) << expired.err;
  EXPECT_THAT(expired.out, HasSubstr("here: 1, all 300 records as they were signed; not here: 1"));
}

TEST_F(VerifySegments, MissesASegmentThatDidNotExpire) {
  log_heads();
  std::filesystem::remove(public_path(segments_, 2));
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.code, 9);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err,
              HasSubstr("segment 2 is not here, and older ones are: it did not expire"));
}

TEST_F(VerifySegments, ChecksASegmentThatCameAfterTheFolderWasListed) {
  std::filesystem::rename(public_path(segments_, 2), segments_ + "/later");
  absl::StatusOr<FolderCheck> folder = FolderCheck::open(segments_);
  ASSERT_TRUE(folder.ok()) << folder.status();
  std::filesystem::rename(segments_ + "/later", public_path(segments_, 2));

  for (const v1::SegmentHead& head : heads_)
    EXPECT_EQ(folder->add(head), absl::OkStatus());
  EXPECT_TRUE(folder->finish().ok());
  EXPECT_EQ(folder->segments(), 2u);
}

TEST_F(VerifySegments, NamesWhatTheLogDoesNotHaveYet) {
  heads_.pop_back();
  log_heads();
  const Outcome outcome = verify();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("not in the log, or not yet, and not checked: 2\n"));
}

TEST_F(VerifySegments, NamesASegmentThatIsNotTheOneThatWasSigned) {
  log_heads();
  // Another record in the place of one, in files that are whole.
  std::filesystem::remove_all(folder_.path("audit"));
  auto forged = RecordStore::open(folder_.path("audit"));
  ASSERT_TRUE(forged.ok());
  std::vector<v1::FlowRecord> batch;
  for (uint64_t i = 1; i <= 300; ++i) {
    v1::FlowRecord& record = batch.emplace_back();
    record.set_node("edge-1");
    record.set_incarnation("one");
    record.set_sequence(i);
    record.set_flow_id(i == 17 ? 99 : i);
  }
  ASSERT_TRUE((*forged)->insert("edge-1", batch).ok());
  ASSERT_TRUE((*forged)->seal().ok());

  const Outcome outcome = verify();

  EXPECT_EQ(outcome.code, 9);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("00001.public: record 1 of 300 does not fit: the segment's "
                                     "head is not the one that was signed"));
}

TEST_F(VerifySegments, NamesADamagedFile) {
  log_heads();
  const std::filesystem::path path = public_path(segments_, 2);
  std::string bytes = *read_file(path);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(write_file(path, bytes).ok());

  const Outcome outcome = verify();

  EXPECT_EQ(outcome.code, 9);
  EXPECT_THAT(outcome.err, HasSubstr(path.string()));
}

TEST_F(VerifySegments, AFolderThatIsNotThereIsNotFound) {
  const Outcome outcome =
      run({"audit", "verify", log_, "--key", key_, "--segments", folder_.path("none")});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("cannot list " + folder_.path("none")));
}

}  // namespace
}  // namespace sluice::controlplane::cli

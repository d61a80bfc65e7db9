// SPDX-License-Identifier: Apache-2.0
//
// Records come back in order, once acknowledged never, and a lost one is counted.
#include "dataplane/daemon/record_spool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/unit/dataplane_daemon/scratch_directory.h"

namespace sluice::dataplane {
namespace {

const std::string kFirst(32, '1');
const std::string kSecond(32, '2');

std::unique_ptr<RecordSpool> open_spool(const ScratchDirectory& directory,
                                        const std::string& incarnation,
                                        const SpoolLimits& limits = {}) {
  std::vector<std::string> complaints;
  auto spool = RecordSpool::open(directory.path() + "/records", incarnation, limits, complaints);
  EXPECT_TRUE(spool.ok()) << spool.status();
  for (const std::string& complaint : complaints)
    ADD_FAILURE() << complaint;
  return *std::move(spool);
}

absl::Status try_to_append(RecordSpool& spool, const std::string& incarnation, size_t count) {
  std::vector<v1::FlowRecord> records(count);
  for (v1::FlowRecord& record : records) {
    record.set_incarnation(incarnation);
    record.set_service("chat");
  }
  return spool.append(records);
}

void append(RecordSpool& spool, const std::string& incarnation, size_t count) {
  ASSERT_TRUE(try_to_append(spool, incarnation, count).ok());
}

// "incarnation's first digit:sequence" of each record that is left, batch by batch.
std::vector<std::string> read_all(RecordSpool& spool, size_t batch = 1000) {
  std::vector<std::string> seen;
  RecordSpool::Cursor cursor;
  while (true) {
    const auto records = spool.read(cursor, batch);
    EXPECT_TRUE(records.ok()) << records.status();
    if (!records.ok() || records->empty()) return seen;
    EXPECT_LE(records->size(), batch);
    for (const v1::FlowRecord& record : *records) {
      EXPECT_EQ(record.incarnation(), records->front().incarnation());
      seen.push_back(record.incarnation().substr(0, 1) + ":" + std::to_string(record.sequence()));
    }
  }
}

using Seen = std::vector<std::string>;

// While it lives no file of this process grows beyond so many bytes.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes_max) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit full = before_;
    full.rlim_cur = bytes_max;
    setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_;
};

TEST(RecordSpool, RecordsComeBackInOrder) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst);

  append(*spool, kFirst, 2);
  append(*spool, kFirst, 3);

  EXPECT_EQ(read_all(*spool, 2), (Seen{"1:1", "1:2", "1:3", "1:4", "1:5"}));
  EXPECT_EQ(spool->pending(), 5u);
}

TEST(RecordSpool, CursorGoesOnWhenMoreIsAppended) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst);
  RecordSpool::Cursor cursor;
  append(*spool, kFirst, 1);
  EXPECT_EQ(spool->read(cursor, 10)->size(), 1u);
  EXPECT_EQ(spool->read(cursor, 10)->size(), 0u);

  append(*spool, kFirst, 1);

  const auto more = spool->read(cursor, 10);
  ASSERT_EQ(more->size(), 1u);
  EXPECT_EQ(more->front().sequence(), 2u);
}

TEST(RecordSpool, AcknowledgedRecordsAreNotSentAgain) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst);
  append(*spool, kFirst, 5);

  spool->acknowledge(kFirst, 3);

  EXPECT_EQ(read_all(*spool), (Seen{"1:4", "1:5"}));
  EXPECT_EQ(spool->pending(), 2u);
}

TEST(RecordSpool, OlderIncarnationsComeFirst) {
  ScratchDirectory directory;
  append(*open_spool(directory, kFirst), kFirst, 2);
  const auto spool = open_spool(directory, kSecond);
  append(*spool, kSecond, 2);

  EXPECT_EQ(read_all(*spool), (Seen{"1:1", "1:2", "2:1", "2:2"}));
  spool->acknowledge(kFirst, 2);
  EXPECT_EQ(read_all(*spool), (Seen{"2:1", "2:2"}));
}

TEST(RecordSpool, StopAfterTheLastAcknowledgementLeavesNoFile) {
  ScratchDirectory directory;
  {
    const auto spool = open_spool(directory, kFirst);
    append(*spool, kFirst, 2);
    spool->acknowledge(kFirst, 2);
  }

  EXPECT_TRUE(std::filesystem::is_empty(directory.path() + "/records"));
}

TEST(RecordSpool, TornTailIsCutOffAndTold) {
  ScratchDirectory directory;
  append(*open_spool(directory, kFirst), kFirst, 3);
  const auto path = std::filesystem::directory_iterator(directory.path() + "/records")->path();
  const auto whole = std::filesystem::file_size(path);
  for (const auto left : {whole - 1, whole - 20}) {
    std::filesystem::resize_file(path, left);
    std::vector<std::string> complaints;

    const auto spool = RecordSpool::open(directory.path() + "/records", kSecond, {}, complaints);

    ASSERT_TRUE(spool.ok());
    EXPECT_EQ(read_all(**spool), (Seen{"1:1", "1:2"}));
    EXPECT_EQ(complaints.size(), 1u);
  }
}

TEST(RecordSpool, DamagedByteNeverYieldsAWrongRecord) {
  ScratchDirectory directory;
  append(*open_spool(directory, kFirst), kFirst, 3);
  const auto path = std::filesystem::directory_iterator(directory.path() + "/records")->path();
  const auto size = std::filesystem::file_size(path);
  std::vector<std::string> complaints;
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size - 3));
    file.put('\xff');
  }

  const auto spool = RecordSpool::open(directory.path() + "/records", kSecond, {}, complaints);

  EXPECT_EQ(read_all(**spool), (Seen{"1:1", "1:2"}));
  EXPECT_EQ(complaints.size(), 1u);
}

TEST(RecordSpool, DamagedHeadIsKeptAside) {
  ScratchDirectory directory;
  append(*open_spool(directory, kFirst), kFirst, 3);
  const auto path = std::filesystem::directory_iterator(directory.path() + "/records")->path();
  std::ofstream(path) << "garbage";
  std::vector<std::string> complaints;

  const auto spool = RecordSpool::open(directory.path() + "/records", kSecond, {}, complaints);

  ASSERT_TRUE(spool.ok());
  EXPECT_EQ(complaints.size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(path.string() + ".corrupt"));
}

TEST(RecordSpool, OverflowDropsTheOldestAndCountsThem) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst, {.segment_bytes = 256, .total_bytes = 1024});
  for (int i = 0; i < 100; ++i)
    append(*spool, kFirst, 1);

  const Seen left = read_all(*spool);

  EXPECT_EQ(left.back(), "1:100");
  EXPECT_LT(left.size(), 100u);
  EXPECT_EQ(left.size() + spool->lost(), 100u);
  EXPECT_EQ(left.size(), spool->pending());
}

TEST(RecordSpool, AcknowledgedSegmentsMakeRoomWithoutLoss) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst, {.segment_bytes = 256, .total_bytes = 1024});
  for (uint64_t i = 1; i <= 100; ++i) {
    append(*spool, kFirst, 1);
    spool->acknowledge(kFirst, i);
  }

  EXPECT_EQ(spool->lost(), 0u);
  EXPECT_EQ(spool->pending(), 0u);
}

TEST(RecordSpool, SaysThatItCannotKeepMoreBeforeItLosesAny) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst, {.segment_bytes = 256, .total_bytes = 1024});
  uint64_t written = 0;
  for (; spool->can_keep(); ++written)
    append(*spool, kFirst, 1);
  EXPECT_GT(written, 2u);
  EXPECT_EQ(spool->lost(), 0u);

  append(*spool, kFirst, 1);
  EXPECT_EQ(spool->lost(), 0u) << "room for the ends of live flows";
  spool->acknowledge(kFirst, written + 1);
  EXPECT_TRUE(spool->can_keep());
}

TEST(RecordSpool, KeepsRoomForTheEndsOfLiveFlowsUpToHalf) {
  ScratchDirectory directory;
  const auto spool =
      open_spool(directory, kFirst, {.segment_bytes = 16'384, .total_bytes = 131'072});
  spool->expect(100);
  uint64_t written = 0;
  for (; spool->can_keep(); ++written)
    append(*spool, kFirst, 1);
  for (int i = 0; i < 100; ++i)
    append(*spool, kFirst, 1);
  EXPECT_EQ(spool->lost(), 0u);

  spool->acknowledge(kFirst, written + 100);
  spool->expect(1'000'000'000);
  EXPECT_TRUE(spool->can_keep()) << "an empty spool always takes records";
}

TEST(RecordSpool, RecordsOfTheMomentTheDiskFillsWaitUntilItIsTriedAgain) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst);
  append(*spool, kFirst, 2);
  {
    const FullDisk full(1024);
    EXPECT_FALSE(try_to_append(*spool, kFirst, 100).ok());
    EXPECT_TRUE(try_to_append(*spool, kFirst, 3).ok()) << "they wait behind those that failed";
    EXPECT_FALSE(spool->retry().ok());
    EXPECT_FALSE(spool->can_keep());
    EXPECT_EQ(spool->waiting(), 103u);
    EXPECT_EQ(read_all(*spool).size(), 2u);
  }
  EXPECT_FALSE(spool->can_keep()) << "nobody has tried";

  EXPECT_TRUE(spool->retry().ok());

  EXPECT_TRUE(spool->can_keep());
  EXPECT_EQ(spool->lost(), 0u);
  EXPECT_EQ(spool->pending(), 105u);
  const Seen seen = read_all(*spool);
  ASSERT_EQ(seen.size(), 105u);
  EXPECT_EQ(seen.back(), "1:105");
}

TEST(RecordSpool, ADiskWithRoomForWhatWaitsAndNoMoreIsNotTrusted) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst);
  {
    const FullDisk full(1024);
    EXPECT_FALSE(try_to_append(*spool, kFirst, 100).ok());
  }
  const FullDisk nearly_full(64u << 10);

  EXPECT_FALSE(spool->retry().ok());

  EXPECT_EQ(spool->waiting(), 0u);
  EXPECT_EQ(read_all(*spool).size(), 100u);
  EXPECT_FALSE(spool->can_keep());
}

TEST(RecordSpool, WhatDoesNotFitInMemoryIsLostAndCounted) {
  ScratchDirectory directory;
  const auto spool = open_spool(directory, kFirst, {.waiting_bytes = 512});
  {
    const FullDisk full(kSegmentHeadBytes);
    EXPECT_FALSE(try_to_append(*spool, kFirst, 2).ok());
    EXPECT_TRUE(try_to_append(*spool, kFirst, 100).ok());
    EXPECT_EQ(spool->lost(), 100u);
    EXPECT_EQ(spool->pending(), 2u);
  }
  ASSERT_TRUE(spool->retry().ok());
  append(*spool, kFirst, 1);

  EXPECT_EQ(read_all(*spool), (Seen{"1:1", "1:2", "1:103"}));
  EXPECT_EQ(spool->lost(), 100u);
}

}  // namespace
}  // namespace sluice::dataplane

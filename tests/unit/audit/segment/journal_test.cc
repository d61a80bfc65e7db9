// SPDX-License-Identifier: Apache-2.0
//
// The journal: what was acknowledged is there, whatever a crash left behind it.
#include "controlplane/audit/segment/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "controlplane/audit/tiles.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string batch_of(const std::vector<std::string>& records) {
  JournalBatch batch;
  for (const std::string& record : records)
    std::memcpy(batch.add(record.size()), record.data(), record.size());
  return batch.finish();
}

struct Read {
  absl::StatusOr<JournalRead> result;
  std::vector<std::string> records;
};

Read read(const std::string& bytes) {
  Read read;
  read.result = read_journal(FileBytes::of("journal", bytes), [&](std::string_view record) {
    read.records.emplace_back(record);
    return absl::OkStatus();
  });
  return read;
}

TEST(Journal, GivesBackEveryRecordOfEveryBatchInOrder) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path("journal");
  {
    auto journal = Journal::open(path, 0);
    ASSERT_TRUE(journal.ok()) << journal.status();
    ASSERT_TRUE(journal->append(batch_of({"one", ""})).ok());
    ASSERT_TRUE(journal->append(batch_of({std::string(300, 'x')})).ok());
  }
  const std::string bytes = *read_file(path);
  {
    auto again = Journal::open(path, bytes.size());
    ASSERT_TRUE(again->append(batch_of({"four"})).ok());
  }

  const Read all = read(*read_file(path));

  EXPECT_THAT(all.records, ElementsAre("one", "", std::string(300, 'x'), "four"));
  EXPECT_EQ(all.result->torn_bytes, 0U);
}

TEST(Journal, CutAtAnyByteGivesBackTheWholeBatchesAndSaysWhatIsTorn) {
  const std::string first = batch_of({"one", "two"});
  const std::string whole = first + batch_of({"three"});
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    const Read cut = read(whole.substr(0, size));

    ASSERT_TRUE(cut.result.ok()) << cut.result.status();
    EXPECT_EQ(cut.records.size(), size < first.size() ? 0U : 2U);
    EXPECT_EQ(cut.result->valid_bytes, size < first.size() ? 0U : first.size());
    EXPECT_EQ(cut.result->torn_bytes, size - cut.result->valid_bytes);
  }
}

TEST(Journal, ZerosBehindTheLastBatchAreATornEnd) {
  const std::string first = batch_of({"one"});

  const Read zeros = read(first + std::string(5000, '\0'));

  ASSERT_TRUE(zeros.result.ok()) << zeros.result.status();
  EXPECT_EQ(zeros.result->torn_bytes, 5000U);
}

TEST(Journal, DamageBeforeTheLastBatchIsAnErrorThatNamesThePlace) {
  const std::string first = batch_of({"one"});
  const std::string second = batch_of({"two"});
  const std::string whole = first + second + batch_of({"three"});
  for (size_t at = 0; at < first.size() + second.size(); ++at) {
    SCOPED_TRACE(at);
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);

    const Read damaged = read(flipped);

    ASSERT_TRUE(absl::IsDataLoss(damaged.result.status()));
    EXPECT_THAT(std::string(damaged.result.status().message()),
                HasSubstr(at < first.size() ? "journal at 0:"
                                            : "journal at " + std::to_string(first.size()) + ":"));
  }
}

TEST(Journal, GoesOnBehindWhatIsValid) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path("journal");
  const std::string first = batch_of({"one"});
  ASSERT_TRUE(write_file(path, first + "torn").ok());

  auto journal = Journal::open(path, first.size());
  ASSERT_TRUE(journal->append(batch_of({"two"})).ok());

  EXPECT_THAT(read(*read_file(path)).records, ElementsAre("one", "two"));
}

}  // namespace
}  // namespace sluice::controlplane

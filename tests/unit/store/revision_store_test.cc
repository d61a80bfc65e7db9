// SPDX-License-Identifier: Apache-2.0
//
// The revision store: compare-and-swap, all or nothing on a failing disk, refusal of what it cannot
// trust.
#include "controlplane/store/revision_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "tests/support/failing_disk.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using testing::FailingDisk;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;

std::unique_ptr<RevisionStore> open_store(const std::string& path) {
  auto store = RevisionStore::open(path);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

// Keeps the bytes that a `NewTable` refers to.
struct TableToStore {
  v1::ForwardingTable message;
  std::string bytes;
  operator NewTable() const {  // NOLINT(google-explicit-constructor)
    return {message.generation(), message.eligibility_epoch(), bytes};
  }
};

TableToStore table_of(uint64_t generation, uint64_t revision) {
  v1::ForwardingTable table;
  table.set_generation(generation);
  table.set_revision(revision);
  table.set_eligibility_epoch(generation);
  table.add_pools()->set_name("pool");
  return {table, table.SerializeAsString()};
}

NewRevision revision_on(uint64_t base, const std::string& message) {
  NewRevision revision;
  revision.base_revision = base;
  revision.entry.set_author("ann");
  revision.entry.set_message(message);
  revision.entry.mutable_time()->set_seconds(1'700'000'000);
  revision.entry.mutable_time()->set_nanos(5);
  revision.entry.set_created(2);
  v1::Policy policy;
  policy.add_pools()->mutable_metadata()->set_name(message);
  revision.policy = policy.SerializeAsString();
  return revision;
}

v1::Override drain(const std::string& pool) {
  v1::Override override;
  override.set_pool(pool);
  override.set_state(v1::Override::STATE_DRAINING);
  return override;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void overwrite(const std::string& path, std::streamoff offset, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offset);
  file << bytes;
}

TEST(RevisionStore, NewStoreIsEmptyWithARandomKeyInAMadeDirectory) {
  const TemporaryDirectory directory;

  const auto a = open_store(directory.path("deep/er/a.db"));
  const auto b = open_store(directory.path("b.db"));
  const StoredState state = *a->load();

  EXPECT_EQ(state.revision, 0U);
  EXPECT_EQ(state.generation, 0U);
  EXPECT_EQ(state.eligibility_epoch, 1U);
  EXPECT_EQ(state.steering_key.size(), 16U);
  EXPECT_NE(state.steering_key, b->load()->steering_key);
}

TEST(RevisionStore, AppendedRevisionIsThereAfterReopening) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  std::string key;
  {
    const auto store = open_store(path);
    key = store->load()->steering_key;
    ASSERT_TRUE(store->append(revision_on(0, "first"), table_of(1, 1)).ok());
    ASSERT_TRUE(store->append(revision_on(1, "second"), table_of(2, 2)).ok());
  }

  const auto store = open_store(path);
  const StoredState state = *store->load();
  const std::vector<v1::RevisionEntry> entries = *store->list(20);

  EXPECT_EQ(state.revision, 2U);
  EXPECT_EQ(state.generation, 2U);
  EXPECT_EQ(state.eligibility_epoch, 2U);
  EXPECT_EQ(state.steering_key, key);
  EXPECT_EQ(state.policy.pools(0).metadata().name(), "second");
  EXPECT_EQ(state.table.pools_size(), 1);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].revision(), 2U);
  EXPECT_EQ(entries[1].message(), "first");
  EXPECT_EQ(entries[1].author(), "ann");
  EXPECT_EQ(entries[1].created(), 2U);
  EXPECT_EQ(entries[1].time().seconds(), 1'700'000'000);
  EXPECT_EQ(store->list(1)->size(), 1U);
  EXPECT_EQ(store->policy_of(1)->pools(0).metadata().name(), "first");
  EXPECT_EQ(store->policy_of(9).status().code(), absl::StatusCode::kNotFound);
}

TEST(RevisionStore, StaleBaseIsAbortedAndChangesNothing) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("c.db"));
  ASSERT_TRUE(store->append(revision_on(0, "first"), table_of(1, 1)).ok());

  const absl::Status stale_revision = store->append(revision_on(0, "late"), table_of(2, 1));
  const absl::Status stale_generation = store->append(revision_on(1, "late"), table_of(1, 2));
  const absl::Status stale_override = store->replace_overrides(0, {drain("pool")}, table_of(2, 1));

  EXPECT_EQ(stale_revision.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(stale_generation.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(stale_override.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store->load()->revision, 1U);
  EXPECT_EQ(store->load()->policy.pools(0).metadata().name(), "first");
  EXPECT_TRUE(store->load()->overrides.empty());
}

TEST(RevisionStore, OverridesSurviveRevisions) {
  const TemporaryDirectory directory;
  const auto store = open_store(directory.path("c.db"));
  ASSERT_TRUE(store->append(revision_on(0, "first"), table_of(1, 1)).ok());

  ASSERT_TRUE(store->replace_overrides(1, {drain("a"), drain("b")}, table_of(2, 1)).ok());
  ASSERT_TRUE(store->append(revision_on(1, "second"), table_of(3, 2)).ok());
  const StoredState drained = *store->load();
  ASSERT_TRUE(store->replace_overrides(2, {drain("b")}, table_of(4, 2)).ok());
  const StoredState lifted = *store->load();

  ASSERT_EQ(drained.overrides.size(), 2U);
  EXPECT_EQ(drained.overrides[0].pool(), "a");
  EXPECT_EQ(drained.overrides[0].state(), v1::Override::STATE_DRAINING);
  EXPECT_EQ(drained.revision, 2U);
  ASSERT_EQ(lifted.overrides.size(), 1U);
  EXPECT_EQ(lifted.overrides[0].pool(), "b");
  EXPECT_EQ(lifted.generation, 4U);
}

// What the store says and what a restart finds, when the disk fails at the `count`-th operation of
// an append.
void expect_all_or_nothing(int count, bool& failed) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  FailingDisk disk;
  auto store = open_store(path);
  ASSERT_TRUE(store->append(revision_on(0, "first"), table_of(1, 1)).ok());
  ASSERT_TRUE(store->replace_overrides(1, {drain("kept")}, table_of(2, 1)).ok());

  disk.fail_after(count);
  const absl::Status status = store->append(revision_on(1, "second"), table_of(3, 2));
  failed = disk.has_failed();
  disk.heal();

  const StoredState now = *store->load();
  EXPECT_EQ(now.revision, status.ok() ? 2U : 1U) << "failure at operation " << count;
  EXPECT_EQ(now.generation, status.ok() ? 3U : 2U);
  EXPECT_EQ(store->list(20)->size(), now.revision);
  // The store goes on working once the disk does.
  ASSERT_TRUE(store->append(revision_on(now.revision, "third"), table_of(9, 9)).ok());
  store.reset();
  const StoredState reopened = *open_store(path)->load();
  EXPECT_EQ(reopened.revision, now.revision + 1);
  EXPECT_EQ(reopened.policy.pools(0).metadata().name(), "third");
  EXPECT_EQ(reopened.overrides.size(), 1U);
}

TEST(RevisionStore, DiskFailureAtAnyStepOfAppendChangesNothing) {
  bool failed = true;
  int steps = 0;
  for (; failed && steps < 100; ++steps)
    expect_all_or_nothing(steps, failed);

  EXPECT_FALSE(failed);
  EXPECT_GT(steps, 3);
}

TEST(RevisionStore, DiskFailureAtAnyStepOfOverridesChangesNothing) {
  bool failed = true;
  for (int count = 0; failed && count < 100; ++count) {
    const TemporaryDirectory directory;
    FailingDisk disk;
    const auto store = open_store(directory.path("c.db"));
    ASSERT_TRUE(store->append(revision_on(0, "first"), table_of(1, 1)).ok());

    disk.fail_after(count);
    const absl::Status status = store->replace_overrides(1, {drain("a")}, table_of(2, 1));
    failed = disk.has_failed();
    disk.heal();

    EXPECT_EQ(store->load()->generation, status.ok() ? 2U : 1U);
    EXPECT_EQ(store->load()->overrides.size(), status.ok() ? 1U : 0U);
  }
  EXPECT_FALSE(failed);
}

TEST(RevisionStore, CrashAfterAppendLosesNothing) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  const std::string copy = directory.path("crashed.db");
  const auto store = open_store(path);
  ASSERT_TRUE(store->append(revision_on(0, "first"), table_of(1, 1)).ok());

  // What a killed process leaves: the file and its write-ahead log, no clean close.
  std::filesystem::copy_file(path, copy);
  std::filesystem::copy_file(path + "-wal", copy + "-wal");

  EXPECT_EQ(open_store(copy)->load()->revision, 1U);
}

TEST(RevisionStore, SecondUserIsRefusedByName) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  const auto first = open_store(path);

  const absl::Status second = RevisionStore::open(path).status();

  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr(path + ": in use by another process"));
}

struct DamageCase {
  const char* name;
  std::streamoff offset;  // -1: truncate to `bytes`
  std::string bytes;
};

TEST(RevisionStore, DamagedFileIsRefusedAndLeftAsItIs) {
  const std::vector<DamageCase> cases = {
      {"header", 0, std::string(100, 'x')},
      {"page of the schema", 100, std::string(3000, '\xff')},
      {"page of content", 4096, std::string(4096, '\x5a')},
      {"empty file", -1, ""},
      {"other text", -1, "listen: unix:/run/sluice/controller.sock\n"},
  };
  for (const DamageCase& damage : cases) {
    SCOPED_TRACE(damage.name);
    const TemporaryDirectory directory;
    const std::string path = directory.path("c.db");
    ASSERT_TRUE(open_store(path)->append(revision_on(0, "first"), table_of(1, 1)).ok());
    if (damage.offset < 0) std::ofstream(path, std::ios::trunc) << damage.bytes;
    if (damage.offset >= 0) overwrite(path, damage.offset, damage.bytes);
    const std::string before = contents(path);

    const absl::Status status = RevisionStore::open(path).status();

    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(path + ": "));
    EXPECT_THAT(std::string(status.message()), HasSubstr("left as it is"));
    EXPECT_TRUE(contents(path) == before);
  }
}

TEST(RevisionStore, ChangedBytesInsideAPolicyAreNoticed) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  ASSERT_TRUE(open_store(path)->append(revision_on(0, "marked-name"), table_of(1, 1)).ok());
  const std::string before = contents(path);
  // The message column holds the same text; the policy's is the last one written.
  for (size_t at = before.find("marked-name"); at != std::string::npos;
       at = before.find("marked-name", at + 1)) {
    overwrite(path, static_cast<std::streamoff>(at), "marred-name");
  }

  const absl::Status status = open_store(path)->load().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

TEST(RevisionStore, NewerSchemaIsRefusedAndLeftAsItIs) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  open_store(path).reset();
  overwrite(path, 60, std::string("\0\0\0\x07", 4));  // user_version in SQLite's file header
  const std::string before = contents(path);

  const absl::Status status = RevisionStore::open(path).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema version 7, this program knows 3"));
  EXPECT_TRUE(contents(path) == before);
}

}  // namespace
}  // namespace sluice::controlplane

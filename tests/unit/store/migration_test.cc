// SPDX-License-Identifier: Apache-2.0
//
// Files of an older schema: everything in them is kept, and a failure leaves them as they were.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "controlplane/store/controller_schema.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "dataplane/table/canonical_from_proto.h"
#include "gmock/gmock.h"
#include "tests/support/failing_disk.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using testing::TemporaryDirectory;

// A file as the first version left it: one revision, its table, one drain.
void write_version_1(const std::string& path) {
  Schema schema = kControllerSchema;
  schema.version = 1;
  schema.migrations = {};
  absl::StatusOr<Database> database = Database::open(path, schema, DatabaseUse::kExclusive);
  ASSERT_TRUE(database.ok()) << database.status();
  v1::Policy policy;
  policy.add_pools()->mutable_metadata()->set_name("kept");
  v1::ForwardingTable table;
  table.set_generation(4);
  const std::string policy_bytes = policy.SerializeAsString();
  const std::string table_bytes = table.SerializeAsString();
  auto revision = *database->prepare(
      "INSERT INTO revision VALUES(1, 1700000000, 5, 'ann', 'why', 2, 0, 0, 0, ?, ?)");
  ASSERT_TRUE(
      revision.bind_blob(policy_bytes).bind_blob(dataplane::sha256(policy_bytes)).run().ok());
  auto state = *database->prepare(
      "UPDATE state SET revision = 1, generation = 4, eligibility_epoch = 3, "
      "steering_key = x'000102030405060708090a0b0c0d0e0f', forwarding_table = ?, "
      "table_sha256 = ?");
  ASSERT_TRUE(state.bind_blob(table_bytes).bind_blob(dataplane::sha256(table_bytes)).run().ok());
  ASSERT_TRUE(database->execute("INSERT INTO override VALUES('kept', 'a', 1)").ok());
}

void expect_kept(RevisionStore& store) {
  const StoredState state = *store.load();
  EXPECT_EQ(state.revision, 1U);
  EXPECT_EQ(state.generation, 4U);
  EXPECT_EQ(state.term, 0U);
  EXPECT_EQ(state.eligibility_epoch, 3U);
  EXPECT_EQ(state.steering_key, std::string("\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf", 16));
  EXPECT_EQ(state.policy.pools(0).metadata().name(), "kept");
  EXPECT_EQ(state.table.generation(), 4U);
  EXPECT_FALSE(state.waiting.has_value());
  ASSERT_EQ(state.overrides.size(), 1U);
  EXPECT_EQ(state.overrides[0].backend(), "a");
  const std::vector<v1::RevisionEntry> history = *store.list(10);
  ASSERT_EQ(history.size(), 1U);
  EXPECT_EQ(history[0].author(), "ann");
  EXPECT_EQ(history[0].ticket(), "");
  EXPECT_EQ(history[0].approvers_size(), 0);
}

TEST(Migration, FileOfTheFirstVersionKeepsEverythingAndCanDoMore) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("c.db");
  write_version_1(path);

  auto store = RevisionStore::open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  expect_kept(**store);
  v1::Event event;
  event.set_kind("apply");
  EXPECT_TRUE(EventLog((*store)->shared()).append(event).ok());
  store->reset();

  const auto again = RevisionStore::open(path);
  ASSERT_TRUE(again.ok()) << again.status();
  expect_kept(**again);
  EXPECT_EQ(EventLog((*again)->shared()).list({})->size(), 1U);
}

TEST(Migration, DiskFailureAtAnyStepLeavesAFileThatOpensLater) {
  bool failed = true;
  int steps = 0;
  for (; failed && steps < 200; ++steps) {
    const TemporaryDirectory directory;
    const std::string path = directory.path("c.db");
    write_version_1(path);
    {
      testing::FailingDisk disk;
      disk.fail_after(steps);
      RevisionStore::open(path).status().IgnoreError();
      failed = disk.has_failed();
      disk.heal();
    }
    const auto store = RevisionStore::open(path);
    ASSERT_TRUE(store.ok()) << "failure at operation " << steps << ": " << store.status();
    expect_kept(**store);
  }
  EXPECT_FALSE(failed);
  EXPECT_GT(steps, 3);
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The last-good table comes back whole, or is known to be damaged.
#include "dataplane/daemon/table_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "dataplane/daemon/disk.h"
#include "tests/unit/dataplane_daemon/scratch_directory.h"

namespace sluice::dataplane {
namespace {

v1::ForwardingTable table_of(uint64_t generation) {
  v1::ForwardingTable table;
  table.set_generation(generation);
  table.set_revision(7);
  table.add_pools()->set_name("chat-v1-eu");
  return table;
}

void write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string content_of(const std::string& path) {
  return read_file(path).value_or("(none)");
}

TEST(ReplaceFile, PutsTheOldContentBackWhenTheDirectoryCannotBeSynced) {
  ScratchDirectory directory;
  const std::string path = directory.path() + "/file";
  const auto fails = [](const std::string&) { return absl::InternalError("no more disk"); };

  EXPECT_EQ(replace_file(path, "refused", fails).message(), "no more disk");
  EXPECT_EQ(content_of(path), "(none)");
  ASSERT_TRUE(replace_file(path, "first").ok());
  EXPECT_EQ(replace_file(path, "refused", fails).message(), "no more disk");
  EXPECT_EQ(content_of(path), "first");
  ASSERT_TRUE(replace_file(path, "second").ok());
  EXPECT_EQ(content_of(path), "second");
  EXPECT_FALSE(std::filesystem::exists(path + ".old"));
}

TEST(TableStore, SavedTableComesBack) {
  ScratchDirectory directory;
  TableStore store(directory.path());
  std::vector<std::string> complaints;

  EXPECT_FALSE(store.load_table(complaints).has_value());
  ASSERT_TRUE(store.save(table_of(1)).ok());
  ASSERT_TRUE(store.save(table_of(2)).ok());

  const auto loaded = TableStore(directory.path()).load_table(complaints);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->generation(), 2u);
  EXPECT_EQ(loaded->pools(0).name(), "chat-v1-eu");
  EXPECT_TRUE(complaints.empty());
}

TEST(TableStore, HealthComesBack) {
  ScratchDirectory directory;
  TableStore store(directory.path());
  SavedHealth health;
  health.set_view(12);
  health.add_backends()->set_backend("v1-a");
  std::vector<std::string> complaints;

  ASSERT_TRUE(store.save(health).ok());

  const auto loaded = store.load_health(complaints);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->view(), 12u);
  EXPECT_EQ(loaded->backends(0).backend(), "v1-a");
}

TEST(TableStore, ChangeOfAnyByteIsDetected) {
  const std::string sealed = seal(table_of(3).SerializeAsString());
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);

    EXPECT_EQ(unseal(damaged).status().code(), absl::StatusCode::kDataLoss) << "byte " << i;
  }
}

TEST(TableStore, EveryTruncationIsDetected) {
  const std::string sealed = seal(table_of(3).SerializeAsString());
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(unseal(std::string_view(sealed).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(unseal(sealed + "x").ok());
}

TEST(TableStore, DamagedFileIsKeptAside) {
  ScratchDirectory directory;
  TableStore store(directory.path());
  write(store.table_path(), "garbage");
  std::vector<std::string> complaints;

  EXPECT_FALSE(store.load_table(complaints).has_value());

  ASSERT_EQ(complaints.size(), 1u);
  EXPECT_NE(complaints[0].find(store.table_path() + ".corrupt-"), std::string::npos)
      << complaints[0];
  EXPECT_FALSE(std::filesystem::exists(store.table_path()));
  size_t kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    EXPECT_EQ(*read_file(entry.path().string()), "garbage");
    ++kept;
  }
  EXPECT_EQ(kept, 1u);
}

TEST(TableStore, CrashBeforeTheRenameLeavesTheOldTable) {
  ScratchDirectory directory;
  TableStore store(directory.path());
  ASSERT_TRUE(store.save(table_of(1)).ok());
  const std::string next = seal(table_of(2).SerializeAsString());
  for (const size_t written : {size_t{0}, next.size() / 2, next.size()}) {
    write(store.table_path() + ".new", next.substr(0, written));
    std::vector<std::string> complaints;

    EXPECT_EQ(store.load_table(complaints)->generation(), 1u);
    EXPECT_TRUE(complaints.empty());
  }
  EXPECT_TRUE(store.save(table_of(3)).ok()) << "a leftover is no obstacle";
}

TEST(TableStore, FailureToSaveLeavesTheOldTable) {
  ScratchDirectory directory;
  TableStore store(directory.path());
  ASSERT_TRUE(store.save(table_of(1)).ok());
  std::filesystem::create_directory(store.table_path() + ".new");  // cannot be created as a file

  EXPECT_EQ(store.save(table_of(2)).code(), absl::StatusCode::kInternal);

  std::vector<std::string> complaints;
  EXPECT_EQ(store.load_table(complaints)->generation(), 1u);
}

TEST(Disk, CrcOfTheReference) {
  EXPECT_EQ(crc32c("123456789"), 0xe306'9283u);
}

}  // namespace
}  // namespace sluice::dataplane

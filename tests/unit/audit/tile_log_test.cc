// SPDX-License-Identifier: Apache-2.0
//
// The log on disk: it goes on where it stood, its tiles are those of the specification, and
// whatever is done to its files is found, at the first entry that it touches.
#include "controlplane/audit/tile_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "controlplane/audit/log_check.h"
#include "controlplane/audit/tiles.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

NoteSigner signer(uint8_t seed = 1) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(seed);
  return *NoteSigner::make("log.example", bytes);
}

class TileLogTest : public ::testing::Test {
 protected:
  TileLog open() {
    auto log = TileLog::open(folder_, signer());
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  static std::string entry(uint64_t index) { return "entry " + std::to_string(index); }
  static void grow(TileLog& log, uint64_t count) {
    std::vector<std::string> entries;
    for (uint64_t i = 0; i < count; ++i)
      entries.push_back(entry(log.size() + i));
    const absl::Status status = log.append(entries);
    ASSERT_TRUE(status.ok()) << status;
  }
  LogCheck check(const std::optional<Checkpoint>& earlier = std::nullopt) {
    const NoteKey key = signer().key();
    uint64_t next = 0;
    auto result =
        check_log(folder_, {&key, 1}, earlier, [&](uint64_t index, const std::string& text) {
          EXPECT_EQ(index, next++);
          EXPECT_EQ(text, entry(index));
        });
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }
  static void change(const fs::path& path, const std::function<void(std::string&)>& how) {
    auto bytes = read_file(path);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    how(*bytes);
    ASSERT_TRUE(write_file(path, *bytes).ok());
  }

  const ::sluice::testing::TemporaryDirectory directory_;
  const fs::path folder_ = directory_.path("log");
};

TEST_F(TileLogTest, KeepsWhatItIsGivenInTiles) {
  TileLog log = open();
  EXPECT_EQ(log.checkpoint(), "");
  grow(log, 70'000);

  EXPECT_TRUE(fs::exists(folder_ / "tile/0/000"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/0/272"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/0/273.p/112"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/1/001.p/17"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/2/000.p/1"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/entries/273.p/112"));
  EXPECT_EQ(fs::file_size(folder_ / "tile/0/272"), 8192u);
  const LogCheck checked = check();
  EXPECT_EQ(checked.checkpoint.size, 70'000u);
  EXPECT_THAT(checked.signed_by, ElementsAre("log.example"));
  EXPECT_EQ(checked.first_bad, std::nullopt) << checked.problem;
}

TEST_F(TileLogTest, GoesOnWhereItStood) {
  for (const uint64_t count : {1, 254, 1, 1, 255, 1000, 64'024, 2000}) {
    TileLog log = open();
    grow(log, count);
    const LogCheck checked = check();
    ASSERT_EQ(checked.first_bad, std::nullopt) << checked.problem;
    ASSERT_EQ(checked.checkpoint.size, log.size());
    ASSERT_EQ(log.bundle((log.size() - 1) / kTileWidth)->back(), entry(log.size() - 1));
  }
  EXPECT_EQ(open().size(), 67'536u);
}

TEST_F(TileLogTest, KeepsNoTileThatAFullOneReplaced) {
  TileLog log = open();
  for (int i = 0; i < 300; ++i)
    grow(log, 1);

  EXPECT_FALSE(fs::exists(folder_ / "tile/0/000.p"));
  EXPECT_FALSE(fs::exists(folder_ / "tile/entries/000.p"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/0/001.p/44"));
  EXPECT_TRUE(fs::exists(folder_ / "tile/1/000.p/1"));
  EXPECT_EQ(check().first_bad, std::nullopt);
  EXPECT_EQ(open().size(), 300u);
}

TEST_F(TileLogTest, WritesAgainWhatACrashLeftBeyondItsCheckpoint) {
  TileLog log = open();
  grow(log, 300);
  const fs::path before = directory_.path("before");
  fs::copy(folder_, before, fs::copy_options::recursive);
  grow(log, 500);
  fs::copy(before, folder_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);

  TileLog again = open();
  EXPECT_EQ(again.size(), 300u);
  EXPECT_EQ(check().first_bad, std::nullopt);
  grow(again, 400);
  EXPECT_EQ(check().first_bad, std::nullopt);
}

TEST_F(TileLogTest, AFullDiskLeavesItAsItWas) {
  TileLog log = open();
  grow(log, 10);
  const std::string before = log.checkpoint();
  fs::remove_all(folder_ / "tile/entries/000.p");
  std::ofstream(folder_ / "tile/entries/000.p") << "no folder";

  EXPECT_TRUE(absl::IsUnavailable(log.append(std::vector<std::string>{entry(10)})));
  EXPECT_EQ(log.size(), 10u);
  EXPECT_EQ(log.checkpoint(), before);

  fs::remove(folder_ / "tile/entries/000.p");
  grow(log, 1);
  EXPECT_EQ(check().first_bad, std::nullopt);
}

TEST_F(TileLogTest, RefusesWhatIsNotItsOwn) {
  TileLog log = open();
  EXPECT_TRUE(absl::IsInvalidArgument(
      log.append(std::vector<std::string>{std::string(kEntryBytesMax + 1, 'x')})));
  grow(log, 300);

  const auto other_key = TileLog::open(folder_, signer(2));
  EXPECT_TRUE(absl::IsFailedPrecondition(other_key.status())) << other_key.status();
  EXPECT_THAT(std::string(other_key.status().message()), HasSubstr("audit.signing_key"));
  change(folder_ / "tile/0/001.p/44", [](std::string& bytes) { bytes[100] ^= 1; });
  EXPECT_TRUE(absl::IsDataLoss(TileLog::open(folder_, signer()).status()));
  change(folder_ / "checkpoint", [](std::string& bytes) { bytes = "nonsense"; });
  EXPECT_TRUE(absl::IsDataLoss(TileLog::open(folder_, signer()).status()));
}

struct Tampering {
  const char* what;
  std::function<void(const fs::path&)> how;
  uint64_t first_bad;
};

void edit_entries(const fs::path& folder,
                  const std::function<void(std::vector<std::string>&)>& how) {
  const fs::path path = folder / entry_bundle_path(1, kTileWidth);
  auto entries = split_bundle(*read_file(path), kTileWidth);
  how(*entries);
  std::string bundle;
  for (const std::string& entry : *entries)
    append_entry(entry, bundle);
  ASSERT_TRUE(write_file(path, bundle).ok());
}

TEST_F(TileLogTest, WhateverIsDoneToItIsFound) {
  const std::vector<Tampering> tamperings = {
      {"flip", [](const fs::path& f) { edit_entries(f, [](auto& e) { e[7][0] ^= 1; }); }, 263},
      {"swap", [](const fs::path& f) { edit_entries(f, [](auto& e) { swap(e[3], e[9]); }); }, 259},
      {"delete", [](const fs::path& f) { edit_entries(f, [](auto& e) { e.erase(e.begin()); }); },
       256},
      {"insert",
       [](const fs::path& f) {
         edit_entries(f, [](auto& e) { e.insert(e.begin() + 5, "entry"); });
       },
       256},
      {"truncate a bundle",
       [](const fs::path& f) { fs::resize_file(f / entry_bundle_path(2, kTileWidth), 1000); }, 512},
      {"lose a bundle", [](const fs::path& f) { fs::remove(f / entry_bundle_path(0, kTileWidth)); },
       0},
      {"flip a hash",
       [](const fs::path& f) {
         change(f / "tile/0/001", [](std::string& bytes) { bytes[32 * 40] ^= 1; });
       },
       296},
      {"flip an entry and its hash",
       [](const fs::path& f) {
         edit_entries(f, [](auto& e) { e[7] = "forged"; });
         change(f / "tile/0/001", [](std::string& bytes) {
           const TreeHash hash = leaf_hash("forged");
           std::copy(hash.begin(), hash.end(), bytes.begin() + 7 * 32);
         });
       },
       1000},
  };
  for (const Tampering& tampering : tamperings) {
    fs::remove_all(folder_);
    TileLog log = open();
    grow(log, 1000);
    tampering.how(folder_);
    const NoteKey key = signer().key();
    const auto checked =
        check_log(folder_, {&key, 1}, std::nullopt, [](uint64_t, const std::string&) {});
    ASSERT_TRUE(checked.ok()) << checked.status();
    EXPECT_EQ(checked->first_bad, tampering.first_bad) << tampering.what;
    EXPECT_NE(checked->problem, "") << tampering.what;
  }
}

TEST_F(TileLogTest, AKeptCheckpointShowsRollbacksAndForks) {
  TileLog log = open();
  grow(log, 500);
  const auto parse = [](const std::string& note) {
    const NoteKey key = signer().key();
    return *Checkpoint::parse(open_note(note, {&key, 1})->text);
  };
  const Checkpoint kept = parse(log.checkpoint());
  grow(log, 500);
  EXPECT_EQ(check(kept).first_bad, std::nullopt);

  fs::remove_all(folder_);
  TileLog shorter = open();
  grow(shorter, 400);
  EXPECT_EQ(check(kept).first_bad, 400u);

  fs::remove_all(folder_);
  TileLog fork = open();
  ASSERT_TRUE(fork.append(std::vector<std::string>(1000, "other")).ok());
  const NoteKey key = signer().key();
  const auto forked = check_log(folder_, {&key, 1}, kept, [](uint64_t, const std::string&) {});
  EXPECT_EQ(forked->first_bad, 500u);
  EXPECT_THAT(forked->problem, HasSubstr("forked"));
}

}  // namespace
}  // namespace sluice::controlplane

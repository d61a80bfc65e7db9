// SPDX-License-Identifier: Apache-2.0
//
// sluice audit verify: what it says of a log that is whole, changed, forked, or none.
#include <filesystem>

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
  EXPECT_THAT(outcome.err, HasSubstr("entry 300 was signed, and is not the event that follows"));
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

}  // namespace
}  // namespace sluice::controlplane::cli

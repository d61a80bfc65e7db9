// SPDX-License-Identifier: Apache-2.0
//
// Segments: what goes in comes out, what is damaged is refused, what is erased is gone.
#include "controlplane/audit/segment/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/erase.h"
#include "controlplane/audit/segment/segment_check.h"
#include "controlplane/audit/segment/segment_files.h"
#include "controlplane/audit/tiles.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/audit/segment/segment_fixture.h"

namespace sluice::controlplane {
namespace {

using fixture::all_bytes;
using fixture::open_sealed;
using fixture::random_records;
using fixture::seal_records;
using ::testing::HasSubstr;

std::vector<std::string> sorted_bytes(const std::vector<v1::FlowRecord>& records) {
  std::vector<std::string> bytes;
  for (const v1::FlowRecord& record : records)
    bytes.push_back(fixture::bytes_of(record));
  std::sort(bytes.begin(), bytes.end());
  return bytes;
}

TEST(Segment, GivesBackRandomRecordsByteForByte) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const auto records = random_records(seed, 400);
    const SealedSegment sealed = seal_records(records);

    const auto segment = open_sealed(sealed.public_file, sealed.private_file);

    ASSERT_TRUE(segment.ok()) << segment.status();
    EXPECT_EQ(*all_bytes(*segment), sorted_bytes(records));
  }
}

TEST(Segment, GivesBackFieldsThatThisProgramDoesNotKnowAndTimesThatNoColumnHolds) {
  std::vector<v1::FlowRecord> records(3);
  records[0].set_node("edge-1");
  records[0].GetReflection()->MutableUnknownFields(&records[0])->AddLengthDelimited(77, "later");
  records[1].mutable_start_time()->set_seconds(-5);
  records[1].mutable_start_time()->set_nanos(-1);
  records[1].set_packets(7);
  records[2].mutable_start_time();
  records[2].mutable_handshake_time()->set_nanos(2'000'000'000);
  const SealedSegment sealed = seal_records(records);

  const auto segment = open_sealed(sealed.public_file, sealed.private_file);

  EXPECT_EQ(*all_bytes(*segment), sorted_bytes(records));
}

TEST(Segment, KeepsEveryRowOfSeveralBlocksAndFitsItsRoot) {
  const auto records = random_records(5, 2 * kBlockRows + 77);
  const SealedSegment sealed = seal_records(records);

  const auto segment = open_sealed(sealed.public_file, sealed.private_file);

  ASSERT_TRUE(segment.ok()) << segment.status();
  EXPECT_EQ(segment->blocks(), 3U);
  EXPECT_EQ(*all_bytes(*segment), sorted_bytes(records));
  const SegmentCheck check = check_segment(*segment, sealed.directory.head());
  EXPECT_EQ(check.first_bad, std::nullopt) << check.problem;
}

TEST(Segment, RootIsThatOfTheLeavesAsTheyAreWrittenDown) {
  v1::FlowRecord record;
  record.set_node("edge-1");
  record.set_client_address(std::string("\x0a\x00\x00\x01", 4));
  record.set_client_port(0x1234);
  record.set_packets(3);
  const SealedSegment sealed = seal_records({record});
  const auto segment = open_sealed(sealed.public_file, sealed.private_file);
  const Salt salt = segment->clients()[1].salt;
  record.clear_client_address();
  record.clear_client_port();

  const std::string salted =
      std::string(salt.begin(), salt.end()) + std::string("\x0a\x00\x00\x01\x12\x34", 6);
  const TreeHash commitment = sha256(salted);
  const TreeHash leaf = leaf_hash(fixture::bytes_of(record) + std::string(view_of(commitment)));

  EXPECT_EQ(segment->head().root(), view_of(leaf));
}

TEST(Segment, PutsRecordsOfOneClientTogetherInTheOrderInWhichTheyCame) {
  std::vector<v1::FlowRecord> records(100);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].set_sequence(i + 1);
    records[i].set_client_address(std::string(4, static_cast<char>('a' + i % 5)));
  }
  const SealedSegment sealed = seal_records(records);
  const auto segment = open_sealed(sealed.public_file, sealed.private_file);
  std::vector<uint64_t> clients, sequences;
  ASSERT_TRUE(segment->read(0, PrivateColumn::kClient, clients).ok());
  ASSERT_TRUE(segment->read(0, Column::kSequence, sequences).ok());

  for (size_t i = 1; i < records.size(); ++i) {
    EXPECT_LE(clients[i - 1], clients[i]);
    if (clients[i - 1] == clients[i]) {
      EXPECT_EQ(sequences[i - 1] + 5, sequences[i]);
    }
  }
}

TEST(Segment, FiltersKnowEveryFlowAndClientAndFewOthers) {
  std::vector<v1::FlowRecord> records(5000);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].set_flow_id(i);
    records[i].set_client_address("c" + std::to_string(100 + i % 900));
  }
  const SealedSegment sealed = seal_records(records);
  const auto segment = open_sealed(sealed.public_file, sealed.private_file);

  size_t wrong = 0;
  for (uint64_t flow = 0; flow < 5000; ++flow) {
    EXPECT_TRUE(*segment->may_have_flow(flow));
    wrong += *segment->may_have_flow(flow + 1'000'000) ? 1 : 0;
  }
  for (int client = 100; client < 1000; ++client)
    EXPECT_TRUE(*segment->may_have_client("c" + std::to_string(client)));
  EXPECT_LT(wrong, 100U) << "about one in 150";
}

TEST(Segment, HeadSaysTimesAndWhatGuardrailsWouldHaveRefused) {
  std::vector<v1::FlowRecord> records(4);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].mutable_start_time()->set_seconds(static_cast<int64_t>(100 + i));
    records[i].set_revision(7);
    records[i].add_would_refuse("residency");
  }
  records[1].add_would_refuse("trial");
  records[3].set_end_reason(v1::END_REASON_FIN);

  const v1::SegmentDirectory directory = seal_records(records, 9).directory;

  EXPECT_EQ(directory.head().number(), 9U);
  EXPECT_EQ(directory.head().records(), 4U);
  EXPECT_EQ(directory.head().first_start().seconds(), 100);
  EXPECT_EQ(directory.head().last_start().seconds(), 103);
  ASSERT_EQ(directory.refusals_size(), 2);
  EXPECT_EQ(directory.refusals(0).guardrail(), "residency");
  EXPECT_EQ(directory.refusals(0).flows(), 3U) << "starts only";
  EXPECT_EQ(directory.refusals(0).last_start().seconds(), 102);
  EXPECT_EQ(directory.refusals(1).guardrail(), "trial");
}

// Opens, reads and checks everything; ok only when all of it is as it was sealed.
bool is_whole(const std::string& public_file, const std::string& private_file,
              const v1::SegmentHead& head) {
  const auto segment = open_sealed(public_file, private_file);
  return segment.ok() && !check_segment(*segment, head).first_bad;
}

TEST(Segment, EveryFlippedByteOfEitherFileIsNoticed) {
  const SealedSegment sealed = seal_records(random_records(3, 40));
  const v1::SegmentHead& head = sealed.directory.head();
  ASSERT_TRUE(is_whole(sealed.public_file, sealed.private_file, head));
  for (size_t at = 0; at < sealed.public_file.size(); ++at) {
    std::string flipped = sealed.public_file;
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << at % 8);
    EXPECT_FALSE(is_whole(flipped, sealed.private_file, head)) << "public, " << at;
  }
  for (size_t at = 0; at < sealed.private_file.size(); ++at) {
    std::string flipped = sealed.private_file;
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << at % 8);
    EXPECT_FALSE(is_whole(sealed.public_file, flipped, head)) << "private, " << at;
  }
}

TEST(Segment, EveryCutOffFileIsNoticed) {
  const SealedSegment sealed = seal_records(random_records(3, 40));
  const v1::SegmentHead& head = sealed.directory.head();
  for (size_t size = 0; size < sealed.public_file.size(); ++size)
    EXPECT_FALSE(is_whole(sealed.public_file.substr(0, size), sealed.private_file, head));
  for (size_t size = 0; size < sealed.private_file.size(); ++size)
    EXPECT_FALSE(is_whole(sealed.public_file, sealed.private_file.substr(0, size), head));
}

TEST(Segment, DamageIsToldWithFileAndPosition) {
  SealedSegment sealed = seal_records(random_records(3, 40));
  sealed.public_file[10] = static_cast<char>(sealed.public_file[10] ^ 1);
  const auto segment = open_sealed(sealed.public_file, sealed.private_file);

  BlockRows rows;
  const absl::Status status = read_block(*segment, 0, rows);

  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("public at 0: column 0 is damaged"));
}

TEST(Segment, PrivatePartOfAnotherSegmentIsRefused) {
  const SealedSegment one = seal_records(random_records(3, 40), 1);
  const SealedSegment two = seal_records(random_records(4, 40), 2);

  const auto segment = open_sealed(one.public_file, two.private_file);

  EXPECT_THAT(std::string(segment.status().message()),
              HasSubstr("not the private part of segment 1"));
}

// The file with the bytes of one record changed and every checksum right, as whoever can write
// files can make it.
std::string forge(const Segment& segment, size_t row) {
  ColumnFileWriter writer;
  *writer.directory().mutable_head() = segment.head();
  BlockRows block;
  EXPECT_TRUE(read_block(segment, 0, block).ok());
  block.columns[index_of(Column::kBytes)][row] ^= 1;
  std::vector<ColumnValues> columns;
  for (size_t i = 0; i < kColumns; ++i) {
    columns.push_back(
        {block.columns[i], kColumnSpecs[i].packing, block.columns[index_of(Column::kLastTime)]});
  }
  writer.add_block(columns);
  std::string subtrees;
  const auto hashes = segment.subtrees();
  for (const TreeHash& hash : *hashes)
    subtrees += view_of(hash);
  writer.add_section(v1::SECTION_KIND_DICTIONARIES, segment.dictionaries().serialize());
  writer.add_section(v1::SECTION_KIND_SUBTREES, subtrees);
  writer.add_section(v1::SECTION_KIND_MARKS, *segment.marks());
  return std::move(writer).finish(ColumnFileKind::kPublic, make_filter({}, 0));
}

TEST(SegmentCheck, NamesTheRecordThatWasChangedWithAllChecksumsRight) {
  const SealedSegment sealed = seal_records(random_records(11, 700));
  const auto original = open_sealed(sealed.public_file, sealed.private_file);
  for (const size_t row : {0U, 255U, 256U, 600U, 699U}) {
    const auto forged = open_sealed(forge(*original, row), sealed.private_file);
    ASSERT_TRUE(forged.ok()) << forged.status();

    EXPECT_EQ(check_segment(*forged, sealed.directory.head()).first_bad, row);
  }
}

TEST(SegmentCheck, AnotherHeadThanTheSignedOneIsRefused) {
  const SealedSegment sealed = seal_records(random_records(11, 70));
  const auto segment = open_sealed(sealed.public_file, sealed.private_file);
  v1::SegmentHead other = sealed.directory.head();
  other.add_streams()->set_missing_count(1);

  EXPECT_EQ(check_segment(*segment, other).first_bad, 0U);
}

class EraseTest : public ::testing::Test {
 protected:
  EraseTest() { EXPECT_TRUE(write_segment(folder_, seal_records(records_)).ok()); }
  absl::StatusOr<Segment> open() {
    auto segment = Segment::open(folder_, 1);
    EXPECT_TRUE(segment.ok() && segment->load().ok());
    return segment;
  }

  testing::TemporaryDirectory directory_;
  const std::filesystem::path folder_ = directory_.path("segments");
  const std::vector<v1::FlowRecord> records_ = random_records(21, 500);
};

TEST_F(EraseTest, ForgetsTheClientAndKeepsTheTree) {
  const std::string address = records_[0].client_address();
  const auto rows = static_cast<uint64_t>(
      std::count_if(records_.begin(), records_.end(),
                    [&](const auto& record) { return record.client_address() == address; }));
  const v1::SegmentHead head = open()->head();

  const auto erased = erase_client(folder_, 1, address);

  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(*erased, rows);
  const auto segment = open();
  const SegmentCheck check = check_segment(*segment, head);
  EXPECT_EQ(check.first_bad, std::nullopt) << check.problem;
  for (const Client& client : segment->clients())
    EXPECT_NE(client.address, address);
  std::vector<v1::FlowRecord> left = records_;
  for (v1::FlowRecord& record : left) {
    if (record.client_address() != address) continue;
    record.clear_client_address();
    record.clear_client_port();
  }
  EXPECT_EQ(*all_bytes(*segment), sorted_bytes(left));
}

TEST_F(EraseTest, LeavesNeitherAddressNorSaltNorPortInTheFile) {
  std::vector<v1::FlowRecord> records(2);
  const std::string address = "\xc6\x33\x64\x07";
  records[0].set_client_address(address);
  records[0].set_client_port(5555);
  records[1].set_client_address("\xc6\x33\x64\x08");
  ASSERT_TRUE(write_segment(folder_, seal_records(records)).ok());
  const std::vector<Client> clients = open()->clients();
  const Salt salt = clients[clients[1].address == address ? 1 : 2].salt;

  ASSERT_EQ(*erase_client(folder_, 1, address), 1U);

  EXPECT_FALSE(*open()->may_have_client(address));
  const auto file =
      ColumnFile::open(*FileBytes::open(private_path(folder_, 1)), ColumnFileKind::kPrivate);
  const auto part = read_private(*file);
  ASSERT_TRUE(part.ok()) << part.status();
  for (const Client& client : part->clients) {
    EXPECT_NE(client.address, address);
    EXPECT_NE(client.salt, salt);
  }
  EXPECT_THAT(part->port_of_row, ::testing::Each(0U));
  EXPECT_EQ(part->erased.size(), 1U);
}

TEST_F(EraseTest, OneAfterTheOtherUntilNobodyIsLeft) {
  const v1::SegmentHead head = open()->head();
  for (const v1::FlowRecord& record : records_)
    ASSERT_TRUE(erase_client(folder_, 1, record.client_address()).ok());

  const auto segment = open();

  for (const Client& client : segment->clients())
    EXPECT_EQ(client.address, "");
  const SegmentCheck check = check_segment(*segment, head);
  EXPECT_EQ(check.first_bad, std::nullopt) << check.problem;
  EXPECT_EQ(*erase_client(folder_, 1, records_[0].client_address()), 0U) << "again";
}

TEST_F(EraseTest, UnknownClientChangesNothing) {
  const auto before = read_file(private_path(folder_, 1));

  EXPECT_EQ(*erase_client(folder_, 1, "\x01\x02\x03\x04"), 0U);

  EXPECT_EQ(*read_file(private_path(folder_, 1)), *before);
  EXPECT_TRUE(absl::IsNotFound(erase_client(folder_, 2, "\x01\x02\x03\x04").status()));
}

}  // namespace
}  // namespace sluice::controlplane

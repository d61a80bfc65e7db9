// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes what reads segments and journals. No bytes may end the process or reach past their end;
// what is read whole must give rows that can be read.
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/column_codec.h"
#include "controlplane/audit/segment/journal.h"
#include "controlplane/audit/segment/seal.h"
#include "controlplane/audit/segment/segment.h"
#include "controlplane/audit/segment/segment_check.h"
#include "tests/fuzz/seeds.h"

namespace sluice::controlplane {
namespace {

SealedSegment sample() {
  RowBuffer rows;
  for (uint32_t i = 1; i <= 3; ++i) {
    v1::FlowRecord record;
    record.set_node("edge-1");
    record.set_sequence(i);
    record.set_client_address("abcd");
    record.mutable_start_time()->set_seconds(i);
    (*record.mutable_pool_labels())["model"] = "chat";
    rows.add(*parse_record(record.SerializeAsString()));
  }
  v1::SegmentHead head;
  head.set_number(1);
  return seal(rows, head);
}

std::string sample_batch() {
  JournalBatch batch;
  v1::FlowRecord record;
  record.set_node("edge-1");
  batch.add(record);
  return batch.finish();
}

void read_segment(const std::string& public_file, const std::string& private_file) {
  absl::StatusOr<Segment> segment =
      Segment::open(FileBytes::of("public", public_file), FileBytes::of("private", private_file));
  if (!segment.ok() || !segment->load().ok()) return;
  static_cast<void>(segment->may_have_flow(1).ok());
  BlockRows rows;
  for (size_t block = 0; block < segment->blocks(); ++block) {
    if (!read_block(*segment, block, rows).ok()) return;
    for (size_t i = 0; i < rows.size(); ++i)
      static_cast<void>(record_at(*segment, rows, i).ok());
  }
  check_segment(*segment, segment->head());
}

// Behind the checksums, which random bytes never pass.
void read_pieces(const std::string& bytes) {
  std::vector<uint64_t> values(7), last_times(7);
  for (const Packing packing : {Packing::kPlain, Packing::kDifference, Packing::kBeforeLastTime}) {
    decode_column(bytes, packing, last_times, values);
    decode_column(compress(bytes), packing, last_times, values);
  }
  decompress(bytes, 1u << 20);
  Dictionaries::parse(bytes);
  parse_clients(bytes);
  parse_erased(bytes);
  line_may_have(bytes, 1);
  text_of(bytes);
  if (const auto record = parse_record(bytes); record) {
    RowBuffer rows;
    if (is_client(record->client_address, record->client_port)) rows.add(*record);
  }
}

}  // namespace
}  // namespace sluice::controlplane

std::vector<std::string> sluice::fuzz::seeds() {
  const sluice::controlplane::SealedSegment sealed = sluice::controlplane::sample();
  sluice::v1::FlowRecord record;
  record.set_node("edge-1");
  record.mutable_last_time()->set_nanos(5);
  record.add_would_refuse("residency");
  return {sealed.public_file, sealed.private_file, sluice::controlplane::sample_batch(),
          record.SerializeAsString()};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const sluice::controlplane::SealedSegment kSealed = sluice::controlplane::sample();
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  sluice::controlplane::read_segment(text, kSealed.private_file);
  sluice::controlplane::read_segment(kSealed.public_file, text);
  sluice::controlplane::read_pieces(text);
  static_cast<void>(
      sluice::controlplane::read_journal(sluice::controlplane::FileBytes::of("journal", text),
                                         [](std::string_view) { return absl::OkStatus(); })
          .ok());
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
//
// What the record store finds at its start: old records, segments, journals.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/audit/record_store.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

// Numbers of the files with such an ending, ascending.
std::set<uint64_t> numbers_of(const std::filesystem::path& folder, const std::string& ending) {
  std::set<uint64_t> numbers;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    uint64_t number = 0;
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data(), end, number);
    if (error == std::errc() && std::string(rest, end) == ending) numbers.insert(number);
  }
  return numbers;
}

// What an older program wrote, as it would be sent today.
absl::Status add_old(const std::string& message, RowBuffer& rows, SequenceBook& book,
                     StreamEnds& ends) {
  v1::FlowRecord record;
  if (!record.ParseFromString(message) ||
      !is_client(record.client_address(), record.client_port())) {
    return absl::DataLossError("records.db has a record that cannot be read");
  }
  JournalBatch batch;
  batch.add(record);
  batch.finish();
  return split_records(batch.records(), [&](std::string_view bytes) {
    uint64_t& end = ends[{record.node(), record.incarnation()}];
    book.add({record.node(), record.incarnation()}, end, record.sequence());
    end = record.sequence();
    rows.add(*parse_record(bytes));
    return absl::OkStatus();
  });
}

}  // namespace

std::filesystem::path RecordStore::journal_path(uint64_t number) const {
  return folder_ / fmt::format("{:020}.journal", number);
}

absl::Status RecordStore::start() {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot make {}: {}", folder_.string(), error.message()));
  }
  {
    const absl::MutexLock lock(&mutex_);
    absl::Status status = import_old();
    if (status.ok()) status = find_segments();
    if (status.ok()) status = replay_journals();
    if (!status.ok()) return status;
  }
  thread_ = std::thread([this] { run(); });
  return absl::OkStatus();
}

// A segment that a crash left without its entry in the catalog is written again.
absl::Status RecordStore::import_old() {
  StreamEnds ends;
  for (;;) {
    OpenSegment segment;
    const absl::StatusOr<uint64_t> last_number = catalog_.last_number();
    if (!last_number.ok()) return last_number.status();
    segment.number = *last_number + 1;
    const absl::StatusOr<uint64_t> last_row =
        catalog_.read_old(limits_.records_max, [&](const std::string& message) {
          return add_old(message, segment.rows, segment.book, ends);
        });
    if (!last_row.ok()) return last_row.status();
    if (segment.rows.rows() == 0) return absl::OkStatus();
    const absl::StatusOr<SealedSegment> sealed = write_sealed(segment);
    if (!sealed.ok()) return sealed.status();
    absl::Status status = catalog_.replace_old(sealed->directory, *last_row);
    if (!status.ok()) return status;
    spdlog::info("records: {} of an older program are in segment {} now", segment.rows.rows(),
                 segment.number);
  }
}

absl::Status RecordStore::find_segments() {
  absl::StatusOr<uint64_t> last = catalog_.last_number();
  if (!last.ok()) return last.status();
  // What was sealed when a crash came is not in the catalog yet.
  for (; std::filesystem::exists(public_path(folder_, *last + 1)); ++*last) {
    absl::StatusOr<Segment> segment = Segment::open(folder_, *last + 1);
    if (!segment.ok()) return segment.status();
    if (absl::Status status = segment->load(); !status.ok()) return status;
    if (absl::Status status = catalog_.add(segment->directory()); !status.ok()) return status;
  }
  absl::StatusOr<std::vector<SegmentInfo>> segments = catalog_.segments();
  if (!segments.ok()) return segments.status();
  segments_ = *std::move(segments);
  absl::StatusOr<StreamEnds> streams = catalog_.streams();
  if (!streams.ok()) return streams.status();
  streams_ = *std::move(streams);
  absl::StatusOr<std::map<std::string, std::string>> newest = catalog_.newest();
  if (!newest.ok()) return newest.status();
  newest_ = *std::move(newest);
  active_ = std::make_shared<OpenSegment>();
  active_->number = *last + 1;
  // What expired and is still here.
  std::set<uint64_t> known;
  for (const SegmentInfo& info : segments_)
    known.insert(info.number);
  for (const uint64_t number : numbers_of(folder_, ".public")) {
    std::error_code ignored;
    if (known.count(number) != 0) continue;
    std::filesystem::remove(public_path(folder_, number), ignored);
    std::filesystem::remove(private_path(folder_, number), ignored);
  }
  return absl::OkStatus();
}

absl::Status RecordStore::replay_journals() {
  for (const uint64_t number : numbers_of(folder_, ".journal")) {
    std::error_code ignored;
    if (number < active_->number) {
      std::filesystem::remove(journal_path(number), ignored);
      continue;
    }
    if (number > active_->number) {  // a crash came while the one before was being sealed
      const absl::StatusOr<SealedSegment> sealed = write_sealed(*active_);
      if (!sealed.ok()) return sealed.status();
      if (absl::Status status = add_sealed(*sealed); !status.ok()) return status;
      active_ = std::make_shared<OpenSegment>();
      active_->number = number;
    }
    if (absl::Status status = replay(number); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RecordStore::replay(uint64_t number) {
  const absl::StatusOr<FileBytes> file = FileBytes::open(journal_path(number));
  if (!file.ok()) return file.status();
  const absl::StatusOr<JournalRead> read = read_journal(*file, [&](std::string_view record) {
    mutex_.AssertHeld();
    if (active_->rows.rows() == kSegmentRowsMax) return absl::DataLossError("too many records");
    take(record);
    return absl::OkStatus();
  });
  if (!read.ok()) return read.status();
  if (read->torn_bytes != 0) {
    spdlog::warn("records: {}: the last batch was not written whole, {} bytes are dropped",
                 file->name(), read->torn_bytes);
  }
  active_->since = absl::Now();
  absl::StatusOr<Journal> journal = Journal::open(journal_path(number), read->valid_bytes);
  if (!journal.ok()) return journal.status();
  journal_ = std::make_unique<Journal>(*std::move(journal));
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

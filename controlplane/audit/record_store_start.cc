// SPDX-License-Identifier: Apache-2.0
//
// What the record store finds at its start: old records, segments, journals.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/audit/record_store.h"
#include "controlplane/audit/segment/segment_files.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

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

absl::Status RecordStore::start(const std::optional<SignedSegments>& logged) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot make {}: {}", folder_.string(), error.message()));
  }
  {
    const absl::MutexLock lock(&mutex_);
    if (logged) logged_ = logged->last;
    absl::Status status = import_old();
    if (status.ok()) status = find_segments(logged);
    if (status.ok()) status = replay_journals();
    if (!status.ok()) return status;
  }
  thread_ = std::thread([this] { run(); });
  return absl::OkStatus();
}

// A segment that a crash left without its entry in the catalog is written again.
absl::Status RecordStore::import_old() {
  std::optional<StreamEnds> ends;  // of what was taken over before a crash; read once needed
  for (;;) {
    OpenSegment segment;
    const absl::StatusOr<uint64_t> last_number = catalog_.last_number();
    if (!last_number.ok()) return last_number.status();
    segment.number = std::max(*last_number, logged_.value_or(0)) + 1;
    const absl::StatusOr<uint64_t> last_row =
        catalog_.read_old(limits_.records_max, [&](const std::string& message) {
          mutex_.AssertHeld();
          if (!ends) {
            absl::StatusOr<StreamEnds> known = ends_of_segments();
            if (!known.ok()) return known.status();
            ends = *std::move(known);
          }
          return add_old(message, segment.rows, segment.book, *ends);
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

// What the catalog does not know: it was sealed when a crash came, or the catalog is older.
absl::Status RecordStore::adopt_unknown(uint64_t last) {
  const absl::StatusOr<std::set<uint64_t>> files = numbers_of(folder_, kPublicEnding);
  if (!files.ok()) return files.status();
  for (auto number = files->upper_bound(last); number != files->end(); ++number) {
    absl::StatusOr<Segment> segment = Segment::open(folder_, *number);
    if (!segment.ok()) return segment.status();
    if (absl::Status status = segment->load(); !status.ok()) return status;
    if (absl::Status status = catalog_.add(segment->directory()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// The catalog's ends are those of the old records, too.
absl::StatusOr<StreamEnds> RecordStore::ends_of_segments() {
  const absl::StatusOr<std::vector<SegmentInfo>> segments = catalog_.segments();
  if (!segments.ok()) return segments.status();
  StreamEnds ends;
  for (const SegmentInfo& info : *segments) {
    const absl::StatusOr<v1::SegmentHead> head = Segment::read_head(folder_, info.number);
    if (!head.ok()) return head.status();
    for (const v1::SegmentStream& stream : head->streams())
      ends[{stream.node(), stream.incarnation()}] = stream.last();
  }
  return ends;
}

absl::Status RecordStore::find_segments(const std::optional<SignedSegments>& logged) {
  absl::StatusOr<uint64_t> last = catalog_.last_number();
  if (!last.ok()) return last.status();
  if (absl::Status status = adopt_unknown(*last); !status.ok()) return status;
  last = catalog_.last_number();
  if (!last.ok()) return last.status();
  // Before anything is sealed that does not go on from the log's last segment.
  if (logged && *last < logged->last) {
    if (absl::Status status = logged->on_break(*last); !status.ok()) return status;
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
  active_->number = std::max(*last, logged_.value_or(0)) + 1;
  // What expired and is still here.
  std::set<uint64_t> known;
  for (const SegmentInfo& info : segments_)
    known.insert(info.number);
  const absl::StatusOr<std::set<uint64_t>> files = numbers_of(folder_, kPublicEnding);
  if (!files.ok()) return files.status();
  for (const uint64_t number : *files) {
    std::error_code ignored;
    if (known.count(number) != 0) continue;
    std::filesystem::remove(public_path(folder_, number), ignored);
    std::filesystem::remove(private_path(folder_, number), ignored);
  }
  return absl::OkStatus();
}

// Each journal is read, whatever its number: what is in a segment already is passed over. One that
// is not of the segment that takes records is sealed at once.
absl::Status RecordStore::replay_journals() {
  const absl::StatusOr<std::set<uint64_t>> journals = numbers_of(folder_, kJournalEnding);
  if (!journals.ok()) return journals.status();
  for (const uint64_t number : *journals) {
    if (number > active_->number) {  // a crash came while the one before was being sealed
      if (absl::Status status = seal_replayed(); !status.ok()) return status;
    }
    if (absl::Status status = replay(number); !status.ok()) return status;
    if (number == active_->number) continue;
    journal_.reset();
    if (absl::Status status = seal_replayed(); !status.ok()) return status;
    std::error_code ignored;  // one that stays is read again, and has nothing new
    std::filesystem::remove(journal_path(folder_, number), ignored);
  }
  return absl::OkStatus();
}

// If there is anything.
absl::Status RecordStore::seal_replayed() {
  if (active_->rows.rows() == 0) return absl::OkStatus();
  const absl::StatusOr<SealedSegment> sealed = write_sealed(*active_);
  if (!sealed.ok()) return sealed.status();
  if (absl::Status status = add_sealed(*sealed); !status.ok()) return status;
  const uint64_t next = active_->number + 1;
  active_ = std::make_shared<OpenSegment>();
  active_->number = next;
  return absl::OkStatus();
}

absl::Status RecordStore::replay(uint64_t number) {
  const absl::StatusOr<FileBytes> file = FileBytes::open(journal_path(folder_, number));
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
  absl::StatusOr<Journal> journal = Journal::open(journal_path(folder_, number), read->valid_bytes);
  if (!journal.ok()) return journal.status();
  journal_ = std::make_unique<Journal>(*std::move(journal));
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

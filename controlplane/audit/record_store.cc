// SPDX-License-Identifier: Apache-2.0
//
// Flow records of all nodes, durable and searchable.
#include "controlplane/audit/record_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/audit/record_query.h"
#include "controlplane/audit/segment/segment_files.h"

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);  // between looks at the interval, and tries
constexpr size_t kIncarnationBytesMax = 64;
constexpr size_t kStreamsMax = 256;  // of a segment: its head is an entry of the log, of 64 KiB
constexpr absl::Duration kPatience = absl::Seconds(30);  // for a segment that is being sealed

StreamKey stream_of(const RecordFields& record) {
  return {std::string(text_of(record.fields[index_of(Column::kNode)])),
          std::string(text_of(record.fields[index_of(Column::kIncarnation)]))};
}

absl::Status check(const std::string& node, const v1::FlowRecord& record) {
  if (record.incarnation().size() > kIncarnationBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("node ", node,
                                                   " sent a record of an incarnation of ",
                                                   record.incarnation().size(), " bytes"));
  }
  if (record.node() != node) {
    return absl::InvalidArgumentError(
        absl::StrCat("node ", node, " sent a record of node ", record.node()));
  }
  if (is_client(record.client_address(), record.client_port())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("node ", node, " sent a record of no client"));
}

// Nullopt: the filters say that nothing is in there; or it has expired since.
absl::StatusOr<std::optional<Segment>> open_for(const RecordCondition& condition,
                                                const std::filesystem::path& folder,
                                                uint64_t number) {
  absl::StatusOr<Segment> segment = Segment::open(folder, number);
  if (absl::IsNotFound(segment.status())) return std::optional<Segment>();
  if (!segment.ok()) return segment.status();
  absl::StatusOr<bool> may_have = true;
  if (condition.flow_id) may_have = segment->may_have_flow(*condition.flow_id);
  const std::optional<AddressRange>& clients = condition.clients;
  if (may_have.ok() && *may_have && clients && clients->first == clients->last) {
    may_have = segment->may_have_client(clients->first);
  }
  if (!may_have.ok()) return may_have.status();
  if (!*may_have) return std::optional<Segment>();
  if (absl::Status status = segment->load(); !status.ok()) return status;
  return std::optional<Segment>(*std::move(segment));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordStore>> RecordStore::open(
    const std::string& directory, const SegmentLimits& limits,
    const std::optional<SignedSegments>& logged) {
  absl::StatusOr<SegmentCatalog> catalog = SegmentCatalog::open(directory + "/records.db");
  if (!catalog.ok()) return catalog.status();
  std::unique_ptr<RecordStore> store(
      new RecordStore(directory + "/segments", limits, *std::move(catalog)));
  if (absl::Status status = store->start(logged); !status.ok()) return status;
  return store;
}

RecordStore::~RecordStore() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<InsertResult> RecordStore::insert(const std::string& node,
                                                 std::span<const v1::FlowRecord> records) {
  if (records.size() > kSegmentRowsMax) {
    return absl::InvalidArgumentError(absl::StrCat(records.size(), " records at once"));
  }
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = make_room(records.size()); !status.ok()) return status;
  absl::StatusOr<InsertResult> result = collect(node, records);
  if (!result.ok() || result->inserted == 0) return result;
  if (absl::Status status = journal_->append(batch_.finish()); !status.ok()) {
    journal_.reset();
    return status;
  }
  if (active_->rows.rows() == 0) active_->since = absl::Now();
  absl::Status status = split_records(batch_.records(), [&](std::string_view record) {
    mutex_.AssertHeld();
    result->missing += take(record);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return result;
}

// Into the batch; nothing else changes.
absl::StatusOr<InsertResult> RecordStore::collect(const std::string& node,
                                                  std::span<const v1::FlowRecord> records) {
  batch_.clear();
  InsertResult result;
  std::map<std::string, uint64_t> ends;  // by incarnation
  for (const v1::FlowRecord& record : records) {
    if (absl::Status status = check(node, record); !status.ok()) return status;
    auto end = ends.find(record.incarnation());
    if (end == ends.end()) {
      const auto known = streams_.find({node, record.incarnation()});
      end = ends.emplace(record.incarnation(), known == streams_.end() ? 0 : known->second).first;
    }
    if (record.sequence() <= end->second) {
      ++result.duplicates;
      continue;
    }
    end->second = record.sequence();
    batch_.add(record);
    ++result.inserted;
  }
  return result;
}

// Returns how many sequences were skipped.
uint64_t RecordStore::take(std::string_view bytes) {
  // What the journal holds was written by `collect`, and protobuf reads it.
  const RecordFields record = parse_record(bytes).value_or(RecordFields());
  StreamKey key = stream_of(record);
  const uint64_t sequence = record.numbers[index_of(Column::kSequence)];
  const auto [end, is_first] = streams_.emplace(key, 0);
  if (is_first) newest_[key.first] = key.second;
  // A batch whose sync failed may be in one journal, and in the next since it was sent again.
  if (sequence <= end->second) return 0;
  const uint64_t missing = active_->book.add(key, end->second, sequence);
  end->second = sequence;
  active_->rows.add(record);
  return missing;
}

absl::Status RecordStore::make_room(size_t records) {
  const size_t rows = active_->rows.rows();
  const bool is_full =
      rows != 0 && (rows + records > limits_.records_max || active_->book.streams() >= kStreamsMax);
  if (!is_full && journal_ != nullptr) return absl::OkStatus();
  if (rows == 0) {
    absl::StatusOr<Journal> journal = Journal::open(journal_path(folder_, active_->number), 0);
    if (!journal.ok()) return journal.status();
    journal_ = std::make_unique<Journal>(*std::move(journal));
    return absl::OkStatus();
  }
  if (absl::Status status = wait_for_sealing(); !status.ok()) return status;
  return rotate();
}

// The next segment takes records, and the one that did is the thread's.
absl::Status RecordStore::rotate() {
  auto next = std::make_shared<OpenSegment>();
  next->number = active_->number + 1;
  absl::StatusOr<Journal> journal = Journal::open(journal_path(folder_, next->number), 0);
  if (!journal.ok()) return journal.status();
  journal_ = std::make_unique<Journal>(*std::move(journal));
  sealing_ = std::exchange(active_, std::move(next));
  return absl::OkStatus();
}

absl::Status RecordStore::wait_for_sealing() {
  if (mutex_.AwaitWithTimeout(absl::Condition(this, &RecordStore::is_idle), kPatience)) {
    return absl::OkStatus();
  }
  return absl::UnavailableError("records cannot be sealed: " + seal_error_);
}

absl::Status RecordStore::seal() {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = wait_for_sealing(); !status.ok()) return status;
  if (active_->rows.rows() == 0) return absl::OkStatus();
  if (absl::Status status = rotate(); !status.ok()) return status;
  return wait_for_sealing();
}

void RecordStore::run() {
  const absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.AwaitWithTimeout(absl::Condition(this, &RecordStore::has_work), kTick);
    if (stopping_) return;
    absl::Status status;
    const bool is_due =
        active_->rows.rows() != 0 && absl::Now() - active_->since >= limits_.interval;
    if (sealing_ == nullptr && is_due) status = rotate();
    if (const std::shared_ptr<const OpenSegment> full = sealing_; status.ok() && full != nullptr) {
      mutex_.Unlock();
      const absl::StatusOr<SealedSegment> sealed = write_sealed(*full);
      mutex_.Lock();
      status = sealed.ok() ? add_sealed(*sealed) : sealed.status();
      if (status.ok()) sealing_ = nullptr;
    }
    const std::string error(status.message());
    // What fails is tried again, and said once.
    if (!status.ok() && error != seal_error_) spdlog::error("records: {}", error);
    seal_error_ = error;
    if (!status.ok())
      mutex_.AwaitWithTimeout(absl::Condition(this, &RecordStore::is_stopping), kTick);
  }
}

absl::StatusOr<SealedSegment> RecordStore::write_sealed(const OpenSegment& segment) const {
  v1::SegmentHead head;
  head.set_number(segment.number);
  segment.book.write(head);
  SealedSegment sealed = controlplane::seal(segment.rows, std::move(head));
  if (absl::Status status = write_segment(folder_, sealed); !status.ok()) return status;
  return sealed;
}

absl::Status RecordStore::add_sealed(const SealedSegment& sealed) {
  const v1::SegmentHead& head = sealed.directory.head();
  if (absl::Status status = catalog_.add(sealed.directory); !status.ok()) return status;
  segments_.push_back({head.number(), head.records(), to_nanoseconds(head.first_start()),
                       to_nanoseconds(head.last_start())});
  std::error_code ignored;  // one that stays is removed at the next start
  std::filesystem::remove(journal_path(folder_, head.number()), ignored);
  return absl::OkStatus();
}

absl::StatusOr<RecordCursor> RecordStore::cursor(const std::string& node) {
  const absl::MutexLock lock(&mutex_);
  const auto newest = newest_.find(node);
  if (newest == newest_.end()) return RecordCursor{};
  return RecordCursor{newest->second, streams_[{node, newest->second}]};
}

absl::StatusOr<v1::QueryRecordsResponse> RecordStore::query(
    const v1::QueryRecordsRequest& request) {
  absl::StatusOr<RecordQuery> query = RecordQuery::of(request);
  if (!query.ok()) return query.status();
  std::shared_ptr<const OpenSegment> full;
  std::vector<SegmentInfo> segments;
  {
    const absl::ReaderMutexLock lock(&mutex_);
    absl::Status status = query->add(active_->rows, active_->number);
    if (!status.ok()) return status;
    full = sealing_;
    segments = segments_;
  }
  if (full != nullptr) {
    if (absl::Status status = query->add(full->rows, full->number); !status.ok()) return status;
  }
  std::stable_sort(segments.begin(), segments.end(), [](const auto& a, const auto& b) {
    return a.first_start_ns < b.first_start_ns;
  });
  for (const SegmentInfo& info : segments) {
    if (!query->wants(info.first_start_ns, info.last_start_ns)) continue;
    const absl::StatusOr<std::optional<Segment>> segment =
        open_for(query->condition(), folder_, info.number);
    if (!segment.ok()) return segment.status();
    if (!segment->has_value()) continue;
    if (absl::Status status = query->add(**segment, info.number); !status.ok()) return status;
  }
  return (*std::move(query)).finish();
}

absl::StatusOr<std::vector<v1::SegmentHead>> RecordStore::heads_after(uint64_t number,
                                                                      size_t count_max) {
  std::vector<uint64_t> numbers;
  {
    const absl::ReaderMutexLock lock(&mutex_);
    for (const SegmentInfo& info : segments_) {
      if (info.number > number) numbers.push_back(info.number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<v1::SegmentHead> heads;
  for (const uint64_t each : numbers) {
    if (heads.size() == count_max) break;
    absl::StatusOr<v1::SegmentHead> head = Segment::read_head(folder_, each);
    if (!head.ok() && heads.empty()) return head.status();
    if (!head.ok()) break;  // the next call says it
    heads.push_back(*std::move(head));
  }
  return heads;
}

void RecordStore::set_logged(uint64_t number) {
  const absl::MutexLock lock(&mutex_);
  logged_ = number;
}

absl::StatusOr<ShareCounts> RecordStore::shares(const std::string& service, absl::Time since) {
  ShareCounter counter(service, since);
  std::shared_ptr<const OpenSegment> full;
  std::vector<SegmentInfo> segments;
  {
    const absl::ReaderMutexLock lock(&mutex_);
    if (absl::Status status = counter.add(active_->rows); !status.ok()) return status;
    full = sealing_;
    segments = segments_;
  }
  if (full != nullptr) {
    if (absl::Status status = counter.add(full->rows); !status.ok()) return status;
  }
  for (const SegmentInfo& info : segments) {
    if (info.last_start_ns < absl::ToUnixNanos(since)) continue;
    const absl::StatusOr<std::optional<Segment>> segment = open_for({}, folder_, info.number);
    if (!segment.ok()) return segment.status();
    if (!segment->has_value()) continue;
    if (absl::Status status = counter.add(**segment); !status.ok()) return status;
  }
  return std::move(counter).finish();
}

absl::StatusOr<std::vector<v1::WouldRefuse>> RecordStore::would_refuse(uint64_t revision) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<RefusalCounts> counts = catalog_.refusals();
  if (!counts.ok()) return counts.status();
  absl::Status status = counts->add(active_->rows);
  if (status.ok() && sealing_ != nullptr) status = counts->add(sealing_->rows);
  if (!status.ok()) return status;
  return counts->of(revision);
}

absl::StatusOr<uint64_t> RecordStore::expire(absl::Time oldest) {
  const int64_t oldest_ns = absl::ToUnixNanos(oldest);
  uint64_t deleted = 0;
  const absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < segments_.size();) {
    const SegmentInfo info = segments_[i];
    const bool is_unlogged = logged_ && info.number > *logged_;
    if (info.last_start_ns >= oldest_ns || is_unlogged) {
      ++i;
      continue;
    }
    if (absl::Status status = catalog_.remove(info.number); !status.ok()) return status;
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
    std::error_code ignored;  // one that stays is removed at the next start
    std::filesystem::remove(public_path(folder_, info.number), ignored);
    std::filesystem::remove(private_path(folder_, info.number), ignored);
    deleted += info.records;
  }
  return deleted;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Segments in a row: appended at the end, read anywhere, removed from the front.
#include "dataplane/daemon/record_spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include "dataplane/daemon/status_text.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

// What a disk that failed must hold before it is trusted again: the records of the flows that begin
// until a failure is noticed, 30,000 a second for a tenth of a second.
constexpr uint64_t kTrialBytes = 1u << 20;

constexpr std::string_view kExtension = ".records";

std::optional<uint64_t> segment_number(const std::filesystem::path& path) {
  if (path.extension() != kExtension) return std::nullopt;
  const std::string stem = path.stem().string();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number, 16);
  if (error != std::errc() || end != stem.data() + stem.size()) return std::nullopt;
  return number;
}

std::map<uint64_t, std::string> list_segments(const std::string& directory) {
  std::map<uint64_t, std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (const auto number = segment_number(entry.path())) paths[*number] = entry.path().string();
  }
  return paths;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordSpool>> RecordSpool::open(
    const std::string& directory, const std::string& incarnation, const SpoolLimits& limits,
    std::vector<std::string>& complaints) {
  if (absl::Status made = make_directory(directory); !made.ok()) return made;
  std::unique_ptr<RecordSpool> spool(new RecordSpool(directory, incarnation, limits));
  if (absl::Status adopted = spool->adopt_old_segments(complaints); !adopted.ok()) return adopted;
  const std::lock_guard lock(spool->mutex_);
  if (absl::Status rolled = spool->roll(); !rolled.ok()) return rolled;
  return spool;
}

RecordSpool::~RecordSpool() {
  const std::lock_guard lock(mutex_);
  while (!segments_.empty() && unacknowledged(segments_.front()) == 0)
    remove_front();
}

absl::Status RecordSpool::adopt_old_segments(std::vector<std::string>& complaints) {
  for (const auto& [number, path] : list_segments(directory_)) {
    next_segment_ = number + 1;
    absl::StatusOr<OpenedSegment> opened = open_segment(path, number);
    if (absl::IsDataLoss(opened.status())) {
      const std::string aside = path + ".corrupt";
      std::error_code error;
      std::filesystem::rename(path, aside, error);
      complaints.push_back(
          fmt::format("{}: {}; kept as {}", path, text_of(opened.status()), aside));
      continue;
    }
    if (!opened.ok()) return opened.status();
    if (opened->torn_bytes > 0) {
      complaints.push_back(
          fmt::format("{}: the last {} bytes are torn and were cut off after record {}", path,
                      opened->torn_bytes, opened->segment.last_sequence));
    }
    total_bytes_ += opened->segment.size_bytes;
    segments_.push_back(std::move(opened->segment));
    if (segments_.back().count() == 0) {
      unlink(path.c_str());
      total_bytes_ -= segments_.back().size_bytes;
      segments_.pop_back();
    }
  }
  return absl::OkStatus();
}

absl::Status RecordSpool::roll() {
  if (current_.is_open() && fdatasync(current_.get()) != 0) {
    return absl::InternalError(
        fmt::format("cannot sync the record spool: {}", std::strerror(errno)));
  }
  SpoolSegment segment;
  segment.number = next_segment_++;
  segment.incarnation = incarnation_;
  absl::StatusOr<Descriptor> file = create_segment(directory_, segment);
  if (!file.ok()) return file.status();
  current_ = *std::move(file);
  total_bytes_ += segment.size_bytes;
  segments_.push_back(std::move(segment));
  return absl::OkStatus();
}

absl::Status RecordSpool::append(std::span<v1::FlowRecord> records) {
  if (records.empty()) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  Block block{.first_sequence = next_sequence_, .count = records.size(), .bytes = {}};
  for (v1::FlowRecord& record : records) {
    record.set_sequence(next_sequence_);
    append_entry(next_sequence_++, record, block.bytes);
  }
  record_bytes_ = std::max<uint64_t>(record_bytes_, block.bytes.size() / records.size() + 1);
  absl::Status written;
  if (!has_failed_) {
    written = write_block(block);
    if (written.ok()) {
      appended_.notify_all();
      return written;
    }
  }
  has_failed_ = true;
  keep_waiting(std::move(block));
  return written;
}

void RecordSpool::keep_waiting(Block block) {
  if (waiting_bytes_ + block.bytes.size() > limits_.waiting_bytes) {
    lost_ += block.count;
    return;
  }
  waiting_bytes_ += block.bytes.size();
  waiting_.push_back(std::move(block));
}

absl::Status RecordSpool::write_block(const Block& block) {
  // A block that follows a lost one starts a new segment, so that sequences have no gap inside one.
  const SpoolSegment& last = segments_.back();
  const bool has_gap = last.count() != 0 && last.last_sequence + 1 != block.first_sequence;
  if (has_gap ||
      (last.count() != 0 && last.size_bytes + block.bytes.size() > limits_.segment_bytes)) {
    if (absl::Status rolled = roll(); !rolled.ok()) return rolled;
  }
  while (segments_.size() > 1 && total_bytes_ + block.bytes.size() > limits_.total_bytes)
    drop_oldest();
  SpoolSegment& segment = segments_.back();
  if (absl::Status written = write_all(current_, block.bytes); !written.ok()) {
    // Part of the block may be there; the next one must start where the last whole entry ends.
    [[maybe_unused]] const int cut =
        ftruncate(current_.get(), static_cast<off_t>(segment.size_bytes));
    lseek(current_.get(), static_cast<off_t>(segment.size_bytes), SEEK_SET);
    return written;
  }
  if (segment.first_sequence == 0) segment.first_sequence = block.first_sequence;
  segment.last_sequence = block.first_sequence + block.count - 1;
  segment.size_bytes += block.bytes.size();
  total_bytes_ += block.bytes.size();
  return absl::OkStatus();
}

absl::Status RecordSpool::write_waiting() {
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty()) {
    if (absl::Status written = write_block(waiting_.front()); !written.ok()) return written;
    waiting_bytes_ -= waiting_.front().bytes.size();
    waiting_.pop_front();
    appended_.notify_all();
  }
  return absl::OkStatus();
}

absl::Status RecordSpool::retry() {
  {
    const std::lock_guard lock(mutex_);
    if (!has_failed_) return absl::OkStatus();
  }
  if (absl::Status written = write_waiting(); !written.ok()) return written;
  // Without the lock: it may take long, and nobody else appends.
  if (absl::Status tried = try_to_write(directory_ + "/trial", kTrialBytes); !tried.ok())
    return tried;
  const std::lock_guard lock(mutex_);
  has_failed_ = false;
  return absl::OkStatus();
}

absl::Status RecordSpool::sync() {
  const std::lock_guard lock(mutex_);
  if (fdatasync(current_.get()) == 0) return absl::OkStatus();
  has_failed_ = true;
  return absl::InternalError(fmt::format("cannot sync the record spool: {}", std::strerror(errno)));
}

uint64_t RecordSpool::unacknowledged(const SpoolSegment& segment) const {
  const auto found = acknowledged_.find(segment.incarnation);
  if (segment.count() == 0) return 0;
  if (found == acknowledged_.end()) return segment.count();
  if (found->second >= segment.last_sequence) return 0;
  return std::min(segment.count(), segment.last_sequence - found->second);
}

void RecordSpool::drop_oldest() {
  lost_ += unacknowledged(segments_.front());
  remove_front();
}

void RecordSpool::remove_front() {
  unlink(segments_.front().path.c_str());
  total_bytes_ -= segments_.front().size_bytes;
  segments_.pop_front();
}

void RecordSpool::remove_acknowledged() {
  while (segments_.size() > 1 && unacknowledged(segments_.front()) == 0)
    remove_front();
}

void RecordSpool::acknowledge(const std::string& incarnation, uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const bool is_kept =
      std::any_of(segments_.begin(), segments_.end(),
                  [&](const SpoolSegment& kept) { return kept.incarnation == incarnation; });
  if (!is_kept) return;
  uint64_t& acknowledged = acknowledged_[incarnation];
  acknowledged = std::max(acknowledged, sequence);
  remove_acknowledged();
}

absl::StatusOr<std::vector<v1::FlowRecord>> RecordSpool::read(Cursor& cursor, size_t count_max) {
  while (true) {
    SpoolSegment segment;
    uint64_t acknowledged = 0;
    bool is_last = false;
    Descriptor file;
    {
      const std::lock_guard lock(mutex_);
      const auto found = std::find_if(
          segments_.begin(), segments_.end(),
          [&](const SpoolSegment& candidate) { return candidate.number >= cursor.segment; });
      if (found == segments_.end()) return std::vector<v1::FlowRecord>{};
      if (found->number != cursor.segment) cursor = {found->number, 0};
      cursor.offset = std::max<uint64_t>(cursor.offset, kSegmentHeadBytes);
      segment = *found;
      is_last = std::next(found) == segments_.end();
      acknowledged = acknowledged_[segment.incarnation];
      // Opened under the lock: a segment that is removed meanwhile stays readable.
      file = Descriptor(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    if (cursor.offset >= segment.size_bytes) {
      if (is_last) return std::vector<v1::FlowRecord>{};
      cursor = {segment.number + 1, 0};
      continue;
    }
    absl::StatusOr<std::vector<v1::FlowRecord>> records =
        read_entries(file, segment.size_bytes, cursor.offset, count_max);
    if (!records.ok()) {
      cursor = {segment.number + 1, 0};  // what lies behind the damage has no beginning
      return records.status();
    }
    std::erase_if(*records,
                  [&](const v1::FlowRecord& record) { return record.sequence() <= acknowledged; });
    if (!records->empty()) return records;
  }
}

void RecordSpool::wait_for_more(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const uint64_t seen = next_sequence_;
  appended_.wait_for(lock, timeout, [&] { return next_sequence_ != seen; });
}

void RecordSpool::expect(uint64_t live_flows) {
  const std::lock_guard lock(mutex_);
  live_flows_ = live_flows;
}

void RecordSpool::lose(uint64_t count) {
  const std::lock_guard lock(mutex_);
  lost_ += count;
}

// The oldest segment is always one that somebody still waits for.
bool RecordSpool::can_keep() const {
  const std::lock_guard lock(mutex_);
  if (has_failed_) return false;
  const uint64_t ends = std::min(live_flows_ * record_bytes_, limits_.total_bytes / 2);
  return total_bytes_ + limits_.segment_bytes + ends <= limits_.total_bytes;
}

uint64_t RecordSpool::pending() const {
  const std::lock_guard lock(mutex_);
  uint64_t pending = 0;
  for (const SpoolSegment& segment : segments_)
    pending += unacknowledged(segment);
  for (const Block& block : waiting_)
    pending += block.count;
  return pending;
}

uint64_t RecordSpool::waiting() const {
  const std::lock_guard lock(mutex_);
  uint64_t waiting = 0;
  for (const Block& block : waiting_)
    waiting += block.count;
  return waiting;
}

uint64_t RecordSpool::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace sluice::dataplane

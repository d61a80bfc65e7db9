// SPDX-License-Identifier: Apache-2.0
//
// Reads and writes segment files.
#include "dataplane/daemon/spool_segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr std::string_view kMagic = "sluice-records-1";
constexpr size_t kIncarnationBytes = 32;
constexpr size_t kEntryHeadBytes = 16;         // length, CRC of the rest, sequence
constexpr uint32_t kRecordBytesMax = 1 << 20;  // more is no length
constexpr size_t kReadBytes = 1 << 18;

template <class T>
void put(T value, std::string& bytes) {
  for (size_t i = 0; i < sizeof value; ++i)
    bytes.push_back(static_cast<char>(value >> 8 * i & 0xff));
}

template <class T>
T take(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<T>(value | T{static_cast<uint8_t>(bytes[i])} << 8 * i);
  }
  return value;
}

// Head: magic, incarnation, CRC of both, zeros.
std::string make_head(const std::string& incarnation) {
  std::string head(kMagic);
  head += incarnation;
  put(crc32c(head), head);
  head.resize(kSegmentHeadBytes);
  return head;
}

struct Entry {
  uint64_t sequence = 0;
  std::string_view payload;
  size_t size_bytes = 0;
};

enum class EntryState : uint8_t { kWhole, kShort, kDamaged };

EntryState parse_entry(std::string_view bytes, Entry& entry) {
  if (bytes.size() < kEntryHeadBytes) return EntryState::kShort;
  const auto length = take<uint32_t>(bytes);
  if (length > kRecordBytesMax) return EntryState::kDamaged;
  entry.size_bytes = kEntryHeadBytes + length;
  if (bytes.size() < entry.size_bytes) return EntryState::kShort;
  const std::string_view covered = bytes.substr(8, entry.size_bytes - 8);
  if (crc32c(covered) != take<uint32_t>(bytes.substr(4))) return EntryState::kDamaged;
  entry.sequence = take<uint64_t>(covered);
  entry.payload = covered.substr(8);
  return EntryState::kWhole;
}

absl::Status failed(std::string_view what, const std::string& path) {
  return absl::InternalError(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

}  // namespace

absl::StatusOr<Descriptor> create_segment(const std::string& directory, SpoolSegment& segment) {
  segment.path = fmt::format("{}/{:016x}.records", directory, segment.number);
  Descriptor file(open(segment.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!file.is_open()) return failed("create", segment.path);
  absl::Status made = write_all(file, make_head(segment.incarnation));
  if (made.ok()) made = sync_directory(directory);
  if (!made.ok()) {
    unlink(segment.path.c_str());  // every try on a full disk would leave one
    return made;
  }
  segment.size_bytes = kSegmentHeadBytes;
  return file;
}

absl::StatusOr<OpenedSegment> open_segment(const std::string& path, uint64_t number) {
  const absl::StatusOr<std::string> content = read_file(path);
  if (!content.ok()) return content.status();
  const std::string_view bytes(*content);
  OpenedSegment opened;
  SpoolSegment& segment = opened.segment;
  segment.number = number;
  segment.path = path;
  if (bytes.size() < kSegmentHeadBytes) return absl::DataLossError("the head is cut short");
  segment.incarnation = std::string(bytes.substr(kMagic.size(), kIncarnationBytes));
  if (bytes.substr(0, kSegmentHeadBytes) != make_head(segment.incarnation)) {
    return absl::DataLossError("the head is damaged");
  }
  segment.size_bytes = kSegmentHeadBytes;
  Entry entry;
  while (parse_entry(bytes.substr(segment.size_bytes), entry) == EntryState::kWhole) {
    if (segment.first_sequence == 0) segment.first_sequence = entry.sequence;
    segment.last_sequence = entry.sequence;
    segment.size_bytes += entry.size_bytes;
  }
  opened.torn_bytes = bytes.size() - segment.size_bytes;
  if (opened.torn_bytes > 0 &&
      truncate(path.c_str(), static_cast<off_t>(segment.size_bytes)) != 0) {
    return failed("truncate", path);
  }
  return opened;
}

void append_entry(uint64_t sequence, const v1::FlowRecord& record, std::string& block) {
  std::string covered;
  put(sequence, covered);
  record.AppendToString(&covered);
  put(static_cast<uint32_t>(covered.size() - 8), block);
  put(crc32c(covered), block);
  block += covered;
}

absl::StatusOr<std::vector<v1::FlowRecord>> read_entries(const Descriptor& file, uint64_t end,
                                                         uint64_t& offset, size_t count_max) {
  std::vector<v1::FlowRecord> records;
  std::string bytes(std::min<uint64_t>(kReadBytes + kRecordBytesMax, end - offset), '\0');
  const ssize_t count = pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (count < 0)
    return absl::InternalError(fmt::format("cannot read the spool: {}", std::strerror(errno)));
  std::string_view rest(bytes.data(), static_cast<size_t>(count));
  Entry entry;
  while (records.size() < count_max) {
    const EntryState state = parse_entry(rest, entry);
    if (state == EntryState::kShort && (!records.empty() || rest.empty())) return records;
    v1::FlowRecord record;
    if (state != EntryState::kWhole ||
        !record.ParseFromArray(entry.payload.data(), static_cast<int>(entry.payload.size()))) {
      return absl::DataLossError(fmt::format("the entry at byte {} is damaged", offset));
    }
    record.set_sequence(entry.sequence);
    records.push_back(std::move(record));
    offset += entry.size_bytes;
    rest.remove_prefix(entry.size_bytes);
  }
  return records;
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Records that are not sealed yet, on disk.
#include "controlplane/audit/segment/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "controlplane/audit/segment/crc32c.h"
#include "controlplane/audit/segment/wire.h"
#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace sluice::controlplane {
namespace {

constexpr uint32_t kBatchMark = 0x314a6c53;  // "SlJ1"
constexpr size_t kHeadBytes = 16;
constexpr size_t kHeadChecked = kHeadBytes - sizeof(uint32_t);

struct BatchHead {
  uint32_t bytes = 0;
  uint32_t checksum = 0;
};

// Nullopt: none.
std::optional<BatchHead> parse_head(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::optional<uint32_t> mark = reader.little<uint32_t>();
  const std::optional<uint32_t> size = reader.little<uint32_t>();
  const std::optional<uint32_t> checksum = reader.little<uint32_t>();
  const std::optional<uint32_t> own = reader.little<uint32_t>();
  if (!own || *mark != kBatchMark || *own != crc32c(bytes.substr(0, kHeadChecked))) {
    return std::nullopt;
  }
  return BatchHead{*size, *checksum};
}

// A crash leaves an end that is cut off, or zeros where data had not come yet.
bool is_torn_head(const std::string& rest) {
  return rest.size() < kHeadBytes || rest.find_first_not_of('\0') == std::string::npos;
}

absl::Status sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_synced = file >= 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (is_synced) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("cannot sync {}: {}", folder.string(), std::strerror(error)));
}

}  // namespace

JournalBatch::JournalBatch() : bytes_(kHeadBytes, '\0') {}

void JournalBatch::add(const v1::FlowRecord& record) {
  const size_t bytes = record.ByteSizeLong();
  google::protobuf::io::ArrayOutputStream array(add(bytes), static_cast<int>(bytes));
  google::protobuf::io::CodedOutputStream stream(&array);
  stream.SetSerializationDeterministic(true);
  record.SerializeWithCachedSizes(&stream);
}

char* JournalBatch::add(size_t bytes) {
  append_varint(bytes, bytes_);
  bytes_.resize(bytes_.size() + bytes);
  return bytes_.data() + bytes_.size() - bytes;
}

const std::string& JournalBatch::finish() {
  std::string head;
  append_little(kBatchMark, head);
  append_little(static_cast<uint32_t>(bytes_.size() - kHeadBytes), head);
  append_little(crc32c(records()), head);
  append_little(crc32c(head), head);
  bytes_.replace(0, kHeadBytes, head);
  return bytes_;
}

std::string_view JournalBatch::records() const {
  return std::string_view(bytes_).substr(kHeadBytes);
}

void JournalBatch::clear() {
  bytes_.resize(kHeadBytes);
}

absl::StatusOr<Journal> Journal::open(const std::filesystem::path& path, uint64_t valid_bytes) {
  Journal journal;
  journal.name_ = path.string();
  journal.bytes_ = valid_bytes;
  journal.file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (journal.file_ < 0) return journal.error("open");
  if (::ftruncate(journal.file_, static_cast<off_t>(valid_bytes)) != 0) return journal.error("cut");
  if (::fsync(journal.file_) != 0) return journal.error("sync");
  if (absl::Status status = sync_folder(path.parent_path()); !status.ok()) return status;
  return journal;
}

Journal::Journal(Journal&& other) noexcept
    : name_(std::move(other.name_)), file_(std::exchange(other.file_, -1)), bytes_(other.bytes_) {}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

absl::Status Journal::append(std::string_view batch) {
  if (file_ < 0) return absl::UnavailableError(name_ + " could not be written before");
  for (size_t done = 0; done < batch.size();) {
    const ssize_t count = ::pwrite(file_, batch.data() + done, batch.size() - done,
                                   static_cast<off_t>(bytes_ + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      absl::Status status = error("write");
      // What is there of the batch would stand in the way of the next one.
      if (::ftruncate(file_, static_cast<off_t>(bytes_)) != 0) ::close(std::exchange(file_, -1));
      return status;
    }
    done += static_cast<size_t>(count);
  }
  if (::fdatasync(file_) != 0) {
    // Whether the kernel still has what it did not write is unknown: only reading it again tells.
    absl::Status status = error("sync");
    ::close(std::exchange(file_, -1));
    return status;
  }
  bytes_ += batch.size();
  return absl::OkStatus();
}

absl::Status Journal::error(const char* what) const {
  return absl::UnavailableError(fmt::format("cannot {} {}: {}", what, name_, std::strerror(errno)));
}

absl::StatusOr<JournalRead> read_journal(
    const FileBytes& file, const std::function<absl::Status(std::string_view record)>& each) {
  JournalRead read;
  while (read.valid_bytes < file.size()) {
    const uint64_t rest = file.size() - read.valid_bytes;
    const absl::StatusOr<std::string> head =
        file.read(read.valid_bytes, std::min<uint64_t>(rest, kHeadBytes));
    if (!head.ok()) return head.status();
    const std::optional<BatchHead> batch = parse_head(*head);
    if (!batch) {
      const absl::StatusOr<std::string> tail = file.read(read.valid_bytes, rest);
      if (!tail.ok()) return tail.status();
      if (!is_torn_head(*tail)) return file.damage(read.valid_bytes, "no batch of records");
    }
    if (!batch || batch->bytes > rest - kHeadBytes) break;
    const absl::StatusOr<std::string> records =
        file.read(read.valid_bytes + kHeadBytes, batch->bytes);
    if (!records.ok()) return records.status();
    if (crc32c(*records) != batch->checksum) {
      if (batch->bytes == rest - kHeadBytes) break;
      return file.damage(read.valid_bytes, "the batch is damaged");
    }
    absl::Status status = split_records(*records, each);
    if (absl::IsDataLoss(status)) {
      return file.damage(read.valid_bytes, std::string(status.message()));
    }
    if (!status.ok()) return status;
    read.valid_bytes += kHeadBytes + batch->bytes;
  }
  read.torn_bytes = file.size() - read.valid_bytes;
  return read;
}

absl::Status split_records(std::string_view records,
                           const std::function<absl::Status(std::string_view record)>& each) {
  ByteReader reader(records);
  while (!reader.is_empty()) {
    const std::optional<uint64_t> size = reader.varint();
    const std::optional<std::string_view> record = size ? reader.take(*size) : std::nullopt;
    if (!record) return absl::DataLossError("a record is cut off");
    if (absl::Status status = each(*record); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

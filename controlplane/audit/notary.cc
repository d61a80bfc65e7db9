// SPDX-License-Identifier: Apache-2.0
//
// Puts every step of the control plane, and every segment of flow records, into the signed log.
#include "controlplane/audit/notary.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/audit/tiles.h"
#include "dataplane/table/deterministic_from_proto.h"
#include "sluice/v1/log.pb.h"

namespace sluice::controlplane {
namespace {

using dataplane::deterministic_bytes;

// How many events one checkpoint takes at most: what piled up while no log was kept comes in parts.
constexpr uint32_t kEventsPerCheckpoint = 10'000;
constexpr size_t kSegmentsPerCheckpoint = 1000;

std::string entry_of(v1::Event event) {
  v1::LogEntry entry;
  *entry.mutable_event() = std::move(event);
  std::string bytes = deterministic_bytes(entry);
  if (bytes.size() <= kEntryBytesMax) return bytes;
  const std::string whole = deterministic_bytes(entry.event());
  TreeHash hash;
  SHA256(reinterpret_cast<const uint8_t*>(whole.data()), whole.size(), hash.data());
  entry.set_whole(hash.data(), hash.size());
  v1::Event& left = *entry.mutable_event();
  left.clear_details();
  if (left.reason().size() > kEntryBytesMax / 2) left.mutable_reason()->resize(1000);
  return deterministic_bytes(entry);
}

absl::Status write_key(const std::string& path, absl::string_view pem) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("cannot make ", path, ": ", std::strerror(errno)));
  }
  const bool is_written = ::write(file, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size());
  const bool is_durable = is_written && ::fsync(file) == 0;
  ::close(file);
  if (is_durable) return absl::OkStatus();
  ::unlink(path.c_str());
  return absl::UnavailableError(absl::StrCat("cannot write ", path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Notary>> Notary::open(const std::string& folder, NoteSigner signer,
                                                     EventLog& events) {
  absl::StatusOr<TileLog> log = TileLog::open(folder, std::move(signer));
  if (!log.ok()) return log.status();
  std::unique_ptr<Notary> notary(new Notary(*std::move(log), events));
  if (absl::Status status = notary->find_end(); !status.ok()) return status;
  return notary;
}

Notary::~Notary() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Notary::start(RecordStore& records, absl::Duration interval) {
  records_ = &records;
  thread_ = std::thread([this, interval] { run(interval); });
}

void Notary::run(absl::Duration interval) {
  for (bool is_last = false;;) {
    const absl::Status status = sign_new();
    const std::string error(status.message());
    // What fails is tried again with the next checkpoint, and said once.
    if (!status.ok() && error != last_error_) spdlog::error("audit log: {}", error);
    last_error_ = error;
    if (is_last) return;
    const absl::MutexLock lock(&mutex_);
    is_last = mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval);
  }
}

// Where the log and the store agree last. They part when the store comes back from a backup.
absl::Status Notary::find_end() {
  const uint64_t bundles = (log_.size() + kTileWidth - 1) / kTileWidth;
  for (uint64_t number = bundles; number > 0 && !(agrees_ && last_segment_ != 0); --number) {
    const absl::StatusOr<std::vector<std::string>> entries = log_.bundle(number - 1);
    if (!entries.ok()) return entries.status();
    for (auto bytes = entries->rbegin(); bytes != entries->rend(); ++bytes) {
      absl::Status status = look_back(*bytes);
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat("bundle ", number - 1,
                                                        " of the audit log: ", status.message()));
      }
    }
  }
  if (!has_parted_) return absl::OkStatus();
  v1::LogEntry entry;
  entry.mutable_restored()->set_sequence(signed_until_);
  return log_.append(std::vector<std::string>{deterministic_bytes(entry)});
}

// Takes in one entry, the newest first.
absl::Status Notary::look_back(const std::string& bytes) {
  v1::LogEntry entry;
  if (!entry.ParseFromString(bytes)) return absl::DataLossError("an entry is none");
  if (last_segment_ == 0) {
    if (entry.has_segment()) last_segment_ = entry.segment().number();
    if (entry.has_segment_break() && !break_) break_ = entry.segment_break().segment();
  }
  if (!entry.has_event() || agrees_) return absl::OkStatus();
  const uint64_t sequence = entry.event().sequence();
  const absl::StatusOr<std::vector<v1::Event>> stored = events_.following(sequence - 1, 1);
  if (!stored.ok()) return stored.status();
  agrees_ = !stored->empty() && entry_of(stored->front()) == bytes;
  if (agrees_) signed_until_ = sequence;
  has_parted_ = has_parted_ || !agrees_;
  return absl::OkStatus();
}

absl::Status Notary::sign_new() {
  if (absl::Status status = sign_events(); !status.ok()) return status;
  return sign_segments();
}

absl::Status Notary::sign_events() {
  for (;;) {
    absl::StatusOr<std::vector<v1::Event>> fresh =
        events_.following(signed_until_, kEventsPerCheckpoint);
    if (!fresh.ok()) return fresh.status();
    if (fresh->empty()) return absl::OkStatus();
    const uint64_t last = fresh->back().sequence();
    std::vector<std::string> entries;
    entries.reserve(fresh->size());
    for (v1::Event& event : *fresh)
      entries.push_back(entry_of(std::move(event)));
    if (absl::Status status = log_.append(entries); !status.ok()) return status;
    signed_until_ = last;
  }
}

// One batch: what piled up while no log was kept does not keep events waiting.
absl::Status Notary::sign_segments() {
  const absl::StatusOr<std::vector<v1::SegmentHead>> heads =
      records_->heads_after(last_segment_, kSegmentsPerCheckpoint);
  if (!heads.ok()) return heads.status();
  std::vector<std::string> entries;
  uint64_t last = last_segment_;
  for (const v1::SegmentHead& head : *heads) {
    const bool is_gap = last != 0 && head.number() != last + 1;
    if (is_gap && !entries.empty()) break;  // which the next batch begins with
    if (is_gap && !break_) {
      if (absl::Status status = note_break(last); !status.ok()) return status;
    }
    v1::LogEntry entry;
    *entry.mutable_segment() = head;
    entries.push_back(deterministic_bytes(entry));
    last = head.number();
  }
  if (entries.empty()) return absl::OkStatus();
  if (absl::Status status = log_.append(entries); !status.ok()) return status;
  last_segment_ = last;
  break_.reset();
  records_->set_logged(last);
  return absl::OkStatus();
}

absl::Status Notary::note_break(uint64_t segment) {
  if (break_ == segment) return absl::OkStatus();
  v1::LogEntry entry;
  entry.mutable_segment_break()->set_segment(segment);
  absl::Status status = log_.append(std::vector<std::string>{deterministic_bytes(entry)});
  if (status.ok()) break_ = segment;
  return status;
}

SignedSegments Notary::segments() {
  return {.last = last_segment_, .on_break = [this](uint64_t last) { return note_break(last); }};
}

absl::StatusOr<NoteSigner> load_or_make_signer(const std::string& path) {
  absl::StatusOr<std::string> pem = read_file(path);
  if (absl::IsNotFound(pem.status()) && ::access(path.c_str(), F_OK) != 0) {
    pem = NoteSigner::new_pem();
    if (!pem.ok()) return pem.status();
    if (absl::Status status = write_key(path, *pem); !status.ok()) return status;
    spdlog::info("{}: a new key that signs the audit log", path);
  }
  if (!pem.ok()) return absl::UnavailableError(pem.status().message());
  absl::StatusOr<NoteSigner> signer = NoteSigner::from_pem(*pem);
  if (signer.ok()) return signer;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", signer.status().message()));
}

}  // namespace sluice::controlplane

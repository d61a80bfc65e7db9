// SPDX-License-Identifier: Apache-2.0
//
// Records that are not sealed yet, on disk: batches one after the other.
//
// A batch is a head of 16 bytes (its mark, how many bytes follow, their CRC-32C, the CRC-32C of
// those twelve), then each record after its length, a varint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/audit/segment/file_bytes.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// Records that become durable together.
class JournalBatch {
 public:
  JournalBatch();
  // The record's deterministic bytes.  Shape: the sum of a batch stays below 4 GiB.
  void add(const v1::FlowRecord& record);
  // Where a record of `bytes` goes.
  char* add(size_t bytes);
  // With its head.
  const std::string& finish();
  std::string_view records() const;
  // Empties it and keeps its memory for the next batch.
  void clear();

 private:
  std::string bytes_;
};

// Thread: one at a time.
class Journal {
 public:
  // Makes the file or goes on behind its first `valid_bytes`, which is all that stays.
  // Errors: UNAVAILABLE; likewise below.
  static absl::StatusOr<Journal> open(const std::filesystem::path& path, uint64_t valid_bytes);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  // Durable on return; after an error nothing of it is there, or the journal takes nothing more.
  absl::Status append(std::string_view batch);

 private:
  Journal() = default;
  absl::Status error(const char* what) const;

  std::string name_;
  int file_ = -1;
  uint64_t bytes_ = 0;
};

struct JournalRead {
  uint64_t valid_bytes = 0;
  uint64_t torn_bytes = 0;  // of a last batch that was not written whole
};

// Calls `each` for every record of every whole batch. Errors: of `each`; DATA_LOSS (damage that is
// no torn end; says file and position), UNAVAILABLE.
absl::StatusOr<JournalRead> read_journal(
    const FileBytes& file, const std::function<absl::Status(std::string_view record)>& each);

// Calls `each` for every record of a batch.  Errors: of `each`; DATA_LOSS.
absl::Status split_records(std::string_view records,
                           const std::function<absl::Status(std::string_view record)>& each);

}  // namespace sluice::controlplane

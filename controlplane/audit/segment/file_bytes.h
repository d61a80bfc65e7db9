// SPDX-License-Identifier: Apache-2.0
//
// A file's bytes, read in pieces.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::controlplane {

// Thread: any, at once.
class FileBytes {
 public:
  // Errors: NOT_FOUND, UNAVAILABLE.
  static absl::StatusOr<FileBytes> open(const std::filesystem::path& path);
  // Bytes that are in memory already; `name` is for errors.
  static FileBytes of(std::string name, std::string bytes);

  FileBytes(FileBytes&& other) noexcept;
  FileBytes& operator=(FileBytes&& other) noexcept;
  ~FileBytes();

  const std::string& name() const noexcept { return name_; }
  uint64_t size() const noexcept { return size_; }
  // Exactly `bytes` from `offset`.  Errors: DATA_LOSS (beyond the end), UNAVAILABLE.
  absl::StatusOr<std::string> read(uint64_t offset, uint64_t bytes) const;
  // "NAME at OFFSET: what", as DATA_LOSS.
  absl::Status damage(uint64_t offset, const std::string& what) const;

 private:
  FileBytes() = default;

  std::string name_;
  int file_ = -1;  // none: the bytes are in `bytes_`
  std::string bytes_;
  uint64_t size_ = 0;
};

}  // namespace sluice::controlplane

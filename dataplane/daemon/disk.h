// SPDX-License-Identifier: Apache-2.0
//
// Files that survive a crash at any moment: whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::dataplane {

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// Makes the directory and those above it.  Errors: INTERNAL with the system's words; likewise
// below.
absl::Status make_directory(const std::string& path);
// Errors: NOT_FOUND when there is no such file.
absl::StatusOr<std::string> read_file(const std::string& path);
// Makes the names in the directory durable.
absl::Status sync_directory(const std::string& path);
using SyncDirectory = std::function<absl::Status(const std::string& directory)>;
// Replaces the file: temporary file, fsync, rename, fsync of the directory. Readers see the old or
// the new content; after an error it is the old one again, or no file.
absl::Status replace_file(const std::string& path, std::string_view content,
                          const SyncDirectory& sync = sync_directory);
// Writes all of it where the descriptor stands.
absl::Status write_all(const Descriptor& file, std::string_view content);
// Whether the file system holds so much more: writes and syncs a file of that size that is gone on
// return.
absl::Status try_to_write(const std::string& path, uint64_t size_bytes);

// CRC-32C (Castagnoli).  Source: RFC 3720, section 12.1.
uint32_t crc32c(std::string_view bytes);

}  // namespace sluice::dataplane

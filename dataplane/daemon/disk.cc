// SPDX-License-Identifier: Apache-2.0
//
// Durable files by POSIX calls.
#include "dataplane/daemon/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "dataplane/daemon/status_text.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr mode_t kFileMode = 0640;

absl::Status failed(std::string_view what, const std::string& path) {
  return absl::InternalError(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

constexpr std::array<uint32_t, 256> make_crc_table() {
  constexpr uint32_t kPolynomial = 0x82f6'3b78;  // reflected
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (is_open()) close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (is_open()) close(fd_);
}

int Descriptor::release() {
  return std::exchange(fd_, -1);
}

absl::Status make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return absl::InternalError(fmt::format("cannot make directory {}: {}", path, error.message()));
}

absl::StatusOr<std::string> read_file(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT)
    return absl::NotFoundError(fmt::format("{}: no such file", path));
  if (!file.is_open()) return failed("open", path);
  std::string content;
  std::array<char, 1 << 16> block;
  while (true) {
    const ssize_t count = read(file.get(), block.data(), block.size());
    if (count == 0) return content;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path);
    content.append(block.data(), static_cast<size_t>(count));
  }
}

absl::Status write_all(const Descriptor& file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = write(file.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return absl::InternalError(fmt::format("cannot write: {}", std::strerror(errno)));
    content.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status try_to_write(const std::string& path, uint64_t size_bytes) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  if (!file.is_open()) return failed("create", path);
  unlink(path.c_str());  // it lasts until it is closed, whatever happens
  if (absl::Status written = write_all(file, std::string(size_bytes, '\0')); !written.ok())
    return written;
  if (fdatasync(file.get()) != 0) return failed("sync", path);
  return absl::OkStatus();
}

absl::Status sync_directory(const std::string& path) {
  const Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || fsync(directory.get()) != 0) return failed("sync directory", path);
  return absl::OkStatus();
}

namespace {

// A second name of a file while it is being replaced.
class OldContent {
 public:
  explicit OldContent(const std::string& path) : path_(path), name_(path + ".old") {
    unlink(name_.c_str());  // of a replacement that a crash cut short
    is_kept_ = link(path_.c_str(), name_.c_str()) == 0;
    was_there_ = is_kept_ || errno != ENOENT;
  }
  ~OldContent() {
    if (is_kept_) unlink(name_.c_str());
  }
  OldContent(const OldContent&) = delete;
  OldContent& operator=(const OldContent&) = delete;

  // Where the file system has no second names, the new content stays.
  void put_back() {
    if (is_kept_) is_kept_ = rename(name_.c_str(), path_.c_str()) != 0;
    if (!was_there_) unlink(path_.c_str());
  }

 private:
  const std::string path_, name_;
  bool is_kept_ = false;
  bool was_there_ = false;
};

}  // namespace

absl::Status replace_file(const std::string& path, std::string_view content,
                          const SyncDirectory& sync) {
  const std::string temporary = path + ".new";
  const Descriptor file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  if (!file.is_open()) return failed("create", temporary);
  if (absl::Status written = write_all(file, content); !written.ok()) {
    unlink(temporary.c_str());
    return absl::InternalError(fmt::format("{}: {}", temporary, text_of(written)));
  }
  if (fsync(file.get()) != 0) return failed("sync", temporary);
  OldContent old(path);
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed("rename", temporary);
  absl::Status synced = sync(std::filesystem::path(path).parent_path().string());
  if (!synced.ok()) old.put_back();
  return synced;
}

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  }
  return ~crc;
}

}  // namespace sluice::dataplane

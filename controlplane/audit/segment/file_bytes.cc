// SPDX-License-Identifier: Apache-2.0
//
// A file's bytes, read in pieces.
#include "controlplane/audit/segment/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace sluice::controlplane {

absl::StatusOr<FileBytes> FileBytes::open(const std::filesystem::path& path) {
  FileBytes bytes;
  bytes.name_ = path.string();
  bytes.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (bytes.file_ < 0) {
    const int error = errno;
    const std::string text = fmt::format("cannot open {}: {}", bytes.name_, std::strerror(error));
    return error == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
  }
  struct stat status {};
  if (::fstat(bytes.file_, &status) != 0) {
    return absl::UnavailableError(
        fmt::format("cannot look at {}: {}", bytes.name_, std::strerror(errno)));
  }
  bytes.size_ = static_cast<uint64_t>(status.st_size);
  return bytes;
}

FileBytes FileBytes::of(std::string name, std::string bytes) {
  FileBytes file;
  file.name_ = std::move(name);
  file.size_ = bytes.size();
  file.bytes_ = std::move(bytes);
  return file;
}

FileBytes::FileBytes(FileBytes&& other) noexcept
    : name_(std::move(other.name_)),
      file_(std::exchange(other.file_, -1)),
      bytes_(std::move(other.bytes_)),
      size_(other.size_) {}

FileBytes& FileBytes::operator=(FileBytes&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(file_, other.file_);
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

FileBytes::~FileBytes() {
  if (file_ >= 0) ::close(file_);
}

absl::StatusOr<std::string> FileBytes::read(uint64_t offset, uint64_t bytes) const {
  if (offset > size_ || bytes > size_ - offset) {
    return damage(offset, fmt::format("{} bytes where the file ends after {}", bytes, size_));
  }
  if (file_ < 0) return bytes_.substr(offset, bytes);
  std::string read(bytes, '\0');
  for (size_t done = 0; done < bytes;) {
    const ssize_t count =
        ::pread(file_, read.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::UnavailableError(fmt::format("cannot read {}: {}", name_, std::strerror(errno)));
    }
    if (count == 0) return damage(offset + done, "the file became shorter");
    done += static_cast<size_t>(count);
  }
  return read;
}

absl::Status FileBytes::damage(uint64_t offset, const std::string& what) const {
  return absl::DataLossError(fmt::format("{} at {}: {}", name_, offset, what));
}

}  // namespace sluice::controlplane

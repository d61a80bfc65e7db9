// SPDX-License-Identifier: Apache-2.0
//
// How a log lies in files.
#include "controlplane/audit/tiles.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

namespace fs = std::filesystem;

// 1234067 is "x001/x234/067".
std::string numbered(uint64_t number) {
  std::string path = fmt::format("{:03}", number % 1000);
  for (uint64_t rest = number / 1000; rest != 0; rest /= 1000)
    path = fmt::format("x{:03}/{}", rest % 1000, path);
  return path;
}

fs::path with_width(std::string path, uint32_t width) {
  if (width != kTileWidth) path += fmt::format(".p/{}", width);
  return path;
}

absl::Status file_error(absl::string_view what, const fs::path& path) {
  return absl::UnavailableError(absl::StrCat(what, " ", path.string(), ": ", std::strerror(errno)));
}

absl::Status sync_path(const fs::path& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return file_error("cannot open", path);
  const bool is_synced = ::fsync(file) == 0;
  absl::Status status = is_synced ? absl::OkStatus() : file_error("cannot sync", path);
  ::close(file);
  return status;
}

}  // namespace

fs::path hash_tile_path(uint32_t tile_level, uint64_t number, uint32_t width) {
  return with_width(fmt::format("tile/{}/{}", tile_level, numbered(number)), width);
}

fs::path entry_bundle_path(uint64_t number, uint32_t width) {
  return with_width(fmt::format("tile/entries/{}", numbered(number)), width);
}

uint32_t tile_width(uint64_t size, uint32_t tile_level, uint64_t number) {
  const uint32_t shift = kTileLevels * tile_level;
  const uint64_t hashes = shift >= 64 ? 0 : size >> shift;
  const uint64_t begin = number * kTileWidth;
  return begin >= hashes ? 0
                         : static_cast<uint32_t>(std::min<uint64_t>(hashes - begin, kTileWidth));
}

void append_entry(absl::string_view entry, std::string& bundle) {
  bundle.push_back(static_cast<char>(entry.size() >> 8 & 0xff));
  bundle.push_back(static_cast<char>(entry.size() & 0xff));
  bundle.append(entry.data(), entry.size());
}

absl::StatusOr<std::vector<std::string>> split_bundle(absl::string_view bundle, uint32_t count) {
  std::vector<std::string> entries;
  while (!bundle.empty()) {
    if (bundle.size() < 2) return absl::InvalidArgumentError("an entry's length is cut off");
    const size_t bytes =
        size_t{static_cast<uint8_t>(bundle[0])} << 8 | static_cast<uint8_t>(bundle[1]);
    if (bundle.size() < 2 + bytes) return absl::InvalidArgumentError("an entry is cut off");
    entries.emplace_back(bundle.substr(2, bytes));
    bundle.remove_prefix(2 + bytes);
  }
  if (entries.size() != count) {
    return absl::InvalidArgumentError(
        fmt::format("{} entries where there should be {}", entries.size(), count));
  }
  return entries;
}

absl::StatusOr<std::vector<TreeHash>> TileReader::hashes(uint32_t tile_level,
                                                         uint64_t number) const {
  const uint32_t width = tile_width(size_, tile_level, number);
  const fs::path path = folder_ / hash_tile_path(tile_level, number, std::max(width, 1u));
  const absl::StatusOr<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() != width * sizeof(TreeHash)) {
    return absl::DataLossError(
        fmt::format("{}: {} bytes where {} hashes should be", path.string(), bytes->size(), width));
  }
  std::vector<TreeHash> hashes(width);
  std::memcpy(hashes.data(), bytes->data(), bytes->size());
  return hashes;
}

absl::StatusOr<std::vector<std::string>> TileReader::entries(uint64_t number) const {
  const uint32_t width = tile_width(size_, 0, number);
  const fs::path path = folder_ / entry_bundle_path(number, std::max(width, 1u));
  const absl::StatusOr<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<std::vector<std::string>> entries = split_bundle(*bytes, width);
  if (!entries.ok()) {
    return absl::DataLossError(
        fmt::format("{}: {}", path.string(), std::string(entries.status().message())));
  }
  return entries;
}

absl::StatusOr<TreeHash> TileReader::subtree(uint32_t level, uint64_t index) const {
  const uint32_t above = level % kTileLevels;
  const uint64_t first = index << above;
  absl::StatusOr<std::vector<TreeHash>> tile = hashes(level / kTileLevels, first / kTileWidth);
  if (!tile.ok()) return tile.status();
  const auto begin = tile->begin() + static_cast<std::ptrdiff_t>(first % kTileWidth);
  std::vector<TreeHash> row(begin, begin + (std::ptrdiff_t{1} << above));
  while (row.size() > 1) {
    for (size_t i = 0; i < row.size() / 2; ++i)
      row[i] = node_hash(row[2 * i], row[2 * i + 1]);
    row.resize(row.size() / 2);
  }
  return row.front();
}

absl::StatusOr<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(fmt::format("{} is not there", path.string()));
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (file.bad()) return absl::UnavailableError(fmt::format("cannot read {}", path.string()));
  return std::move(bytes).str();
}

absl::Status write_file(const fs::path& path, absl::string_view bytes) {
  const fs::path unfinished = path.string() + ".new";
  FileBatch batch;
  if (absl::Status status = batch.write(unfinished, bytes); !status.ok()) return status;
  if (absl::Status status = batch.sync(); !status.ok()) return status;
  std::error_code error;
  fs::rename(unfinished, path, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot rename {}: {}", unfinished.string(), error.message()));
  }
  return sync_path(path.parent_path(), O_RDONLY | O_DIRECTORY);
}

absl::Status FileBatch::write(const fs::path& path, absl::string_view bytes) {
  const fs::path folder = path.parent_path();
  folders_.insert(folder);
  std::error_code error;  // what cannot be looked at is not there
  for (fs::path made = folder; !made.empty() && !fs::exists(made, error); made = made.parent_path())
    folders_.insert(made.parent_path().empty() ? fs::path(".") : made.parent_path());
  fs::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot make {}: {}", folder.string(), error.message()));
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return file_error("cannot write", path);
  files_.push_back(path);
  return absl::OkStatus();
}

absl::Status FileBatch::sync() {
  for (const fs::path& file : files_) {
    if (absl::Status status = sync_path(file, O_WRONLY); !status.ok()) return status;
  }
  for (const fs::path& folder : folders_) {
    if (absl::Status status = sync_path(folder, O_RDONLY | O_DIRECTORY); !status.ok())
      return status;
  }
  files_.clear();
  folders_.clear();
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

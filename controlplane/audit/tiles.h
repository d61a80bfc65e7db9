// SPDX-License-Identifier: Apache-2.0
//
// How a log lies in files: tiles of hashes and bundles of entries, the same on disk, over HTTP and
// in an exported bundle. Source: C2SP tlog-tiles, https://c2sp.org/tlog-tiles.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/audit/merkle.h"

namespace sluice::controlplane {

inline constexpr uint32_t kTileLevels = 8;                 // of the tree, in each tile
inline constexpr uint32_t kTileWidth = 1u << kTileLevels;  // hashes or entries
inline constexpr size_t kEntryBytesMax = 65'535;

// "tile/0/x001/067", and of one that is not full "tile/0/x001/067.p/12".  Shape: `width` is
// 1..kTileWidth.
std::filesystem::path hash_tile_path(uint32_t tile_level, uint64_t number, uint32_t width);
std::filesystem::path entry_bundle_path(uint64_t number, uint32_t width);

// How much of this tile a tree of `size` leaves has, 0..kTileWidth; bundles are as wide as tiles of
// level 0.
uint32_t tile_width(uint64_t size, uint32_t tile_level, uint64_t number);

// A bundle's bytes: each entry after its length, 16 bits, big endian.
void append_entry(absl::string_view entry, std::string& bundle);
// Errors: INVALID_ARGUMENT (cut off, or not `count` entries).
absl::StatusOr<std::vector<std::string>> split_bundle(absl::string_view bundle, uint32_t count);

// Reads tiles of a log of `size` leaves below a folder.
class TileReader {
 public:
  TileReader(std::filesystem::path folder, uint64_t size)
      : folder_(std::move(folder)), size_(size) {}

  // Errors: NOT_FOUND, DATA_LOSS (a file of another size), each with the file's name.
  absl::StatusOr<std::vector<TreeHash>> hashes(uint32_t tile_level, uint64_t number) const;
  absl::StatusOr<std::vector<std::string>> entries(uint64_t number) const;
  // Of any perfect subtree of the tree.
  absl::StatusOr<TreeHash> subtree(uint32_t level, uint64_t index) const;

 private:
  std::filesystem::path folder_;
  uint64_t size_;
};

// Errors: NOT_FOUND, UNAVAILABLE.
absl::StatusOr<std::string> read_file(const std::filesystem::path& path);
// Under another name first, then renamed; durable on return.  Errors: UNAVAILABLE.
absl::Status write_file(const std::filesystem::path& path, absl::string_view bytes);

// New files that become durable together: a disk does that much faster than one after the other.
class FileBatch {
 public:
  // There on return, durable with `sync`.  Errors: UNAVAILABLE.
  absl::Status write(const std::filesystem::path& path, absl::string_view bytes);
  // Errors: UNAVAILABLE; then any of them may be missing after a crash.
  absl::Status sync();

 private:
  std::vector<std::filesystem::path> files_;
  std::set<std::filesystem::path> folders_;  // in which names were made
};

}  // namespace sluice::controlplane

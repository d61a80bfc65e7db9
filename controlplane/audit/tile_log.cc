// SPDX-License-Identifier: Apache-2.0
//
// The log on disk.
#include "controlplane/audit/tile_log.h"

#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "controlplane/audit/tiles.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

std::string bytes_of(const std::vector<TreeHash>& hashes) {
  return {reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(TreeHash)};
}

}  // namespace

absl::StatusOr<TileLog> TileLog::open(std::filesystem::path folder, NoteSigner signer) {
  TileLog log(std::move(folder), std::move(signer));
  absl::StatusOr<std::string> note = read_file(log.folder_ / "checkpoint");
  if (absl::IsNotFound(note.status())) return log;
  if (!note.ok()) return note.status();
  const std::string where = (log.folder_ / "checkpoint").string();
  const absl::StatusOr<OpenedNote> opened = open_note(*note, {&log.signer_.key(), 1});
  if (absl::IsUnauthenticated(opened.status())) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is not signed by audit.signing_key: give the key back, or another audit.directory",
        where));
  }
  if (!opened.ok()) {
    return absl::DataLossError(absl::StrCat(where, ": ", opened.status().message()));
  }
  const absl::StatusOr<Checkpoint> checkpoint = Checkpoint::parse(opened->text);
  if (!checkpoint.ok()) return absl::DataLossError(fmt::format("{} has no size and root", where));
  if (checkpoint->origin != log.signer_.key().name) {
    return absl::FailedPreconditionError(
        fmt::format("{} is of the log {}", where, checkpoint->origin));
  }
  if (absl::Status status = log.resume(*checkpoint); !status.ok()) return status;
  log.checkpoint_ = *std::move(note);
  return log;
}

absl::Status TileLog::resume(const Checkpoint& checkpoint) {
  const TileReader reader(folder_, checkpoint.size);
  absl::Status failure;
  const SubtreeHashes subtrees = [&](uint32_t level, uint64_t index) {
    absl::StatusOr<TreeHash> hash = reader.subtree(level, index);
    if (hash.ok()) return *hash;
    if (failure.ok()) failure = hash.status();
    return TreeHash{};
  };
  edge_.frontier = MerkleFrontier::of(checkpoint.size, subtrees);
  if (!failure.ok()) return absl::DataLossError(failure.message());
  if (edge_.frontier.root() != checkpoint.root) {
    return absl::DataLossError(
        fmt::format("the tiles of {} do not have the root that its checkpoint of {} leaves signs",
                    folder_.string(), checkpoint.size));
  }
  for (uint32_t level = 0; checkpoint.size >> (kTileLevels * level) != 0; ++level) {
    const uint64_t number = (checkpoint.size >> (kTileLevels * level)) / kTileWidth;
    const bool is_empty = tile_width(checkpoint.size, level, number) == 0;
    absl::StatusOr<std::vector<TreeHash>> tile;
    tile = is_empty ? std::vector<TreeHash>() : reader.hashes(level, number);
    if (!tile.ok()) return absl::DataLossError(tile.status().message());
    edge_.tiles.push_back(*std::move(tile));
  }
  if (checkpoint.size % kTileWidth == 0) return absl::OkStatus();
  const absl::StatusOr<std::vector<std::string>> entries =
      reader.entries(checkpoint.size / kTileWidth);
  if (!entries.ok()) return absl::DataLossError(entries.status().message());
  for (const std::string& entry : *entries)
    append_entry(entry, edge_.bundle);
  return absl::OkStatus();
}

absl::Status TileLog::append(std::span<const std::string> entries) {
  if (entries.empty()) return absl::OkStatus();
  for (const std::string& entry : entries) {
    if (entry.size() > kEntryBytesMax) {
      return absl::InvalidArgumentError(fmt::format("an entry of {} bytes", entry.size()));
    }
  }
  Edge edge = edge_;
  FileBatch files;
  for (const std::string& entry : entries) {
    if (absl::Status status = add(entry, edge, files); !status.ok()) return status;
  }
  if (absl::Status status = write_edge(edge, files); !status.ok()) return status;
  if (absl::Status status = files.sync(); !status.ok()) return status;
  const std::string text =
      Checkpoint{signer_.key().name, edge.frontier.size(), edge.frontier.root()}.text();
  const std::string signature = signer_.sign(text);
  std::string note = make_note(text, {&signature, 1});
  if (absl::Status status = write_file(folder_ / "checkpoint", note); !status.ok()) return status;
  checkpoint_ = std::move(note);
  const uint64_t size_before = size();
  edge_ = std::move(edge);
  remove_partial_tiles(size_before);
  return absl::OkStatus();
}

// Writes the tiles that it fills.
absl::Status TileLog::add(absl::string_view entry, Edge& edge, FileBatch& files) const {
  const uint64_t index = edge.frontier.size();
  absl::Status status;
  append_entry(entry, edge.bundle);
  edge.frontier.append(leaf_hash(entry), [&](uint32_t level, const TreeHash& hash) {
    if (level % kTileLevels != 0) return;
    const uint32_t tile_level = level / kTileLevels;
    if (edge.tiles.size() == tile_level) edge.tiles.emplace_back();
    std::vector<TreeHash>& tile = edge.tiles[tile_level];
    tile.push_back(hash);
    if (tile.size() < kTileWidth) return;
    const uint64_t number = (index >> level) / kTileWidth;
    status.Update(
        files.write(folder_ / hash_tile_path(tile_level, number, kTileWidth), bytes_of(tile)));
    tile.clear();
  });
  if (edge.frontier.size() % kTileWidth == 0) {
    status.Update(
        files.write(folder_ / entry_bundle_path(index / kTileWidth, kTileWidth), edge.bundle));
    edge.bundle.clear();
  }
  return status;
}

// What the signed checkpoint needs is never written again: a crash could leave it in pieces.
absl::Status TileLog::write_edge(const Edge& edge, FileBatch& files) const {
  const uint64_t size = edge.frontier.size();
  absl::Status status;
  for (uint32_t level = 0; level < edge.tiles.size(); ++level) {
    const std::vector<TreeHash>& tile = edge.tiles[level];
    const uint64_t number = (size >> (kTileLevels * level)) / kTileWidth;
    if (tile.size() == tile_width(edge_.frontier.size(), level, number)) continue;
    status.Update(
        files.write(folder_ / hash_tile_path(level, number, static_cast<uint32_t>(tile.size())),
                    bytes_of(tile)));
  }
  const auto width = static_cast<uint32_t>(size % kTileWidth);
  if (width != 0) {
    status.Update(files.write(folder_ / entry_bundle_path(size / kTileWidth, width), edge.bundle));
  }
  return status;
}

void TileLog::remove_partial_tiles(uint64_t size_before) const {
  for (uint32_t level = 0; size_before >> (kTileLevels * level) != 0; ++level) {
    const uint64_t number = (size_before >> (kTileLevels * level)) / kTileWidth;
    if (tile_width(size(), level, number) != kTileWidth) continue;
    // One that stays takes room and no more.
    std::error_code ignored;
    std::filesystem::remove_all((folder_ / hash_tile_path(level, number, 1)).parent_path(),
                                ignored);
    if (level != 0) continue;
    std::filesystem::remove_all((folder_ / entry_bundle_path(number, 1)).parent_path(), ignored);
  }
}

absl::StatusOr<std::vector<std::string>> TileLog::bundle(uint64_t number) const {
  return TileReader(folder_, size()).entries(number);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The log on disk: it only grows, and what it has signed it keeps.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/audit/checkpoint.h"
#include "controlplane/audit/merkle.h"
#include "controlplane/audit/signed_note.h"
#include "controlplane/audit/tiles.h"

namespace sluice::controlplane {

// Thread: one at a time.
class TileLog {
 public:
  // Goes on where the folder's checkpoint stands; a folder without one is an empty log. What a
  // crash left beyond it is written again.  Errors: DATA_LOSS (the tiles do not have the
  // checkpoint's root), FAILED_PRECONDITION (it is another key's or another log's), UNAVAILABLE.
  static absl::StatusOr<TileLog> open(std::filesystem::path folder, NoteSigner signer);

  // All of them or none: durable, and signed for, on return.  Errors: INVALID_ARGUMENT (an entry is
  // longer than `kEntryBytesMax`), UNAVAILABLE (the log is as it was).
  absl::Status append(std::span<const std::string> entries);

  uint64_t size() const noexcept { return edge_.frontier.size(); }
  // The newest signed note; empty when nothing was ever appended.
  const std::string& checkpoint() const noexcept { return checkpoint_; }
  const NoteKey& key() const noexcept { return signer_.key(); }
  // Entries [number * kTileWidth, …), as many as there are of them.  Shape: there is at least one.
  // Errors: DATA_LOSS, NOT_FOUND (its file is not there).
  absl::StatusOr<std::vector<std::string>> bundle(uint64_t number) const;

 private:
  // The right edge: tiles that are not full yet.
  struct Edge {
    MerkleFrontier frontier;
    std::vector<std::vector<TreeHash>> tiles;  // by level
    std::string bundle;
  };

  TileLog(std::filesystem::path folder, NoteSigner signer)
      : folder_(std::move(folder)), signer_(std::move(signer)) {}
  absl::Status resume(const Checkpoint& checkpoint);
  absl::Status add(absl::string_view entry, Edge& edge, FileBatch& files) const;
  absl::Status write_edge(const Edge& edge, FileBatch& files) const;
  // Those of a log of `size_before` leaves that are full by now.
  void remove_partial_tiles(uint64_t size_before) const;

  std::filesystem::path folder_;
  NoteSigner signer_;
  std::string checkpoint_;
  Edge edge_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Checks a whole log from its files and public keys alone.
#include "controlplane/audit/log_check.h"

#include <utility>

#include "absl/status/status.h"
#include "controlplane/audit/tiles.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

class Checker {
 public:
  Checker(const std::filesystem::path& folder, LogCheck check,
          const std::optional<Checkpoint>& earlier,
          const std::function<void(uint64_t, const std::string&)>& each)
      : reader_(folder, check.checkpoint.size),
        check_(std::move(check)),
        earlier_(earlier),
        each_(each) {}

  LogCheck run() {
    const uint64_t size = check_.checkpoint.size;
    if (earlier_ && earlier_->size > size) {
      blame(size, fmt::format("the log ends after {} entries, and a checkpoint of {} was kept",
                              size, earlier_->size));
      return std::move(check_);
    }
    compare_earlier();
    for (uint64_t number = 0; number * kTileWidth < size && !check_.first_bad; ++number)
      check_bundle(number);
    if (!check_.first_bad && tree_.root() != check_.checkpoint.root) {
      blame(size, "the entries and tiles do not have the root that is signed");
    }
    return std::move(check_);
  }

 private:
  void check_bundle(uint64_t number) {
    const uint64_t begin = number * kTileWidth;
    const absl::StatusOr<std::vector<TreeHash>> tile = reader_.hashes(0, number);
    const absl::StatusOr<std::vector<std::string>> entries = reader_.entries(number);
    if (!tile.ok()) return blame(begin, std::string(tile.status().message()));
    if (!entries.ok()) return blame(begin, std::string(entries.status().message()));
    for (size_t i = 0; i < entries->size() && !check_.first_bad; ++i) {
      const std::string& entry = (*entries)[i];
      const TreeHash hash = leaf_hash(entry);
      if (hash != (*tile)[i]) return blame(begin + i, "the entry is not the one that was logged");
      tree_.append(hash);
      each_(begin + i, entry);
      compare_earlier();
    }
  }

  void compare_earlier() {
    if (!earlier_ || earlier_->size != tree_.size() || earlier_->root == tree_.root()) return;
    blame(tree_.size(),
          "up to here the log is another than the one whose checkpoint was kept: it was forked");
  }

  void blame(uint64_t index, std::string problem) {
    check_.first_bad = index;
    check_.problem = std::move(problem);
  }

  const TileReader reader_;
  LogCheck check_;
  const std::optional<Checkpoint>& earlier_;
  const std::function<void(uint64_t, const std::string&)>& each_;
  MerkleFrontier tree_;
};

}  // namespace

absl::StatusOr<LogCheck> check_log(
    const std::filesystem::path& folder, std::span<const NoteKey> keys,
    const std::optional<Checkpoint>& earlier,
    const std::function<void(uint64_t index, const std::string& entry)>& each) {
  const absl::StatusOr<std::string> note = read_file(folder / "checkpoint");
  if (!note.ok()) return note.status();
  absl::StatusOr<OpenedNote> opened = open_note(*note, keys);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<Checkpoint> checkpoint = Checkpoint::parse(opened->text);
  if (!checkpoint.ok()) return checkpoint.status();
  LogCheck check;
  check.checkpoint = *std::move(checkpoint);
  check.signed_by = std::move(opened->signed_by);
  return Checker(folder, std::move(check), earlier, each).run();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Tables on their way in: proved when staged, switched to when committed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/daemon/forwarding.h"
#include "dataplane/table/registry.h"
#include "sluice/v1/dataplane.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// Puts the chunks of a Stage call together, within bounds.
class DeltaAssembler {
 public:
  static constexpr size_t kChunkBytesMax = 1 << 20;
  static constexpr size_t kDeltaBytesMax = 256u << 20;

  // Errors: INVALID_ARGUMENT (a chunk is too large), RESOURCE_EXHAUSTED (all of them are).
  absl::Status add(const std::string& chunk);
  // Errors: INVALID_ARGUMENT (no TableDelta).
  absl::StatusOr<v1::TableDelta> finish() const;

 private:
  std::string bytes_;
};

// Builds and proves a table.  Errors: those of `build_table`.
absl::StatusOr<ReadyTable> make_ready(CanonicalTable pushed, const Table* previous,
                                      Registry& registry);

// A table that was built and proved to look at, with a registry that knows its backends and
// targets: the node's own learns nothing of it, so that looking uses nothing up.
struct PreviewedTable {
  ReadyTable ready;
  std::unique_ptr<const Registry> registry;
  v1::StageResponse response;
};

// Thread: any; calls wait for each other.
class Stager {
 public:
  using State = std::function<std::shared_ptr<const RunningState>()>;
  using SwitchTo = std::function<absl::Status(const ReadyTable&)>;

  Stager(Registry& registry, State state, SwitchTo switch_to)
      : registry_(registry), state_(std::move(state)), switch_to_(std::move(switch_to)) {}

  // Errors: FAILED_PRECONDITION (not newer than what runs, or from another base), INVALID_ARGUMENT
  // (all violations). Staging again exactly what runs is no error and changes nothing.
  absl::StatusOr<v1::StageResponse> stage(const v1::TableDelta& delta);
  // Does as `stage`, with its errors, and keeps nothing: what is staged stays.
  absl::StatusOr<PreviewedTable> preview(const v1::TableDelta& delta) const;
  // Errors: FAILED_PRECONDITION (not staged), those of `Forwarding::switch_to`. Committing what
  // runs is no error.
  absl::StatusOr<v1::CommitResponse> commit(uint64_t generation);
  void abort();

  // 0: nothing is staged. Does not wait for a table that is being built.
  uint64_t staged_generation() const { return staged_generation_.load(std::memory_order_relaxed); }

 private:
  void keep(std::optional<ReadyTable> staged);
  void release_unused(const Table* running);

  Registry& registry_;
  const State state_;
  const SwitchTo switch_to_;
  mutable std::mutex mutex_;  // guards `staged_`
  std::optional<ReadyTable> staged_;
  std::atomic<uint64_t> staged_generation_ = 0;  // of `staged_`, for whoever only wants to know
};

}  // namespace sluice::dataplane

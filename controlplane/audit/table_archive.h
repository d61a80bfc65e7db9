// SPDX-License-Identifier: Apache-2.0
//
// What nodes ran and what their views were, so that the past can be explained.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/store/database.h"
#include "sluice/v1/audit.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Tables are kept compressed, by generation; views by node and time.  Thread: any.
class TableArchive {
 public:
  // The file "tables.db" in `directory`.  Errors: as `Database::open`.
  static absl::StatusOr<std::unique_ptr<TableArchive>> open(const std::string& directory);

  // `bytes` is a serialized `v1::ForwardingTable`. One that is there already stays as it is.
  absl::Status add_table(uint64_t generation, absl::Time time, std::string_view bytes);
  // Views of one node in their order; those that are there already are passed over.
  absl::Status add_views(const std::vector<v1::ViewRecord>& views);

  struct Position {
    std::string incarnation;  // empty: nothing is kept of the node
    uint64_t view = 0;
  };
  // The newest view that is kept of the node.
  absl::StatusOr<Position> position_of(const std::string& node);

  // The node's view at that time, made complete from the last complete one before it.
  // Errors: NOT_FOUND (nothing is kept of the node from so long ago).
  absl::StatusOr<v1::ViewRecord> view_at(const std::string& node, absl::Time time);
  // Errors: NOT_FOUND (it is not kept), DATA_LOSS.
  absl::StatusOr<v1::ForwardingTable> table_of(uint64_t generation);

  // Deletes what only times before `before` need: what was in force then stays. How much went.
  absl::StatusOr<uint64_t> expire(absl::Time before);

 private:
  explicit TableArchive(Database database) : database_(std::move(database)) {}

  absl::StatusOr<int64_t> run(std::string_view sql, int64_t value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  Database database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

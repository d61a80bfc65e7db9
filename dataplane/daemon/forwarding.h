// SPDX-License-Identifier: Apache-2.0
//
// The one road to the cores: joins table, health, next hops and time into snapshots, and publishes
// them.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/daemon/conditions.h"
#include "dataplane/daemon/degradation.h"
#include "dataplane/daemon/expiry_memory.h"
#include "dataplane/daemon/fabric.h"
#include "dataplane/daemon/prober.h"
#include "dataplane/daemon/recalls.h"
#include "dataplane/daemon/table_store.h"
#include "dataplane/daemon/view_log.h"
#include "dataplane/table/from_proto.h"
#include "dataplane/table/snapshot.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::dataplane {

// A table that was built and can be switched to.
struct ReadyTable {
  std::shared_ptr<const CanonicalTable> pushed;
  BuiltTable built;
};

// What runs, as other threads may see it: never changed, only replaced.
struct RunningState {
  std::shared_ptr<const CanonicalTable> pushed;  // null: no table yet; then the next is null too
  std::shared_ptr<const Snapshot> snapshot;
  uint64_t view = 0;
  std::vector<v1::BackendStatus> backends;
  std::vector<PortState> ports;
  std::vector<ActiveRecall> recalls;
  uint64_t memory_bytes = 0;  // of the snapshot
};

enum class Durability : uint8_t { kSave, kAlreadySaved };

// Thread: control, unless a method says otherwise.
class Forwarding {
 public:
  using SetTargets =
      std::function<void(std::vector<ProbeTarget>, const std::map<BackendIdentity, Health>&)>;

  using Clock = std::function<int64_t()>;  // Units: ms since 1970

  Forwarding(Cores& cores, Links& links, TableStore& store, SetTargets set_targets,
             Clock clock = system_clock);
  static int64_t system_clock();

  // Takes over what was known before the restart: view, health, and what was past its time.
  void resume(const SavedHealth& saved);

  // Makes `next` the running table: room for its endpoints, then disk, then one pointer store;
  // returns when every lcore has it. Errors: RESOURCE_EXHAUSTED (endpoints), INTERNAL (disk):
  // nothing has changed. UNAVAILABLE (an lcore is stuck, named): the table runs, and that lcore
  // gets it when it comes.
  absl::Status switch_to(const ReadyTable& next, Durability durability);

  void on_health(const HealthChange& change);
  // Whether records are kept; while they are not, what must be recorded is refused.
  void on_recording(bool can_record);
  // Which pools do worse than before, for which routes.
  void on_degraded(std::set<RoutePool> degraded);
  // Follows neighbours, time and links; publishes what has changed. Call it every `kTickInterval`,
  // and after events.
  void tick();
  void save_health();

  // The snapshot that `next` would have now. Backends that were never probed count as up: those
  // that only `next` has are not probed before it runs.
  std::unique_ptr<const Snapshot> foresee(const ReadyTable& next) const;

  // Thread: any.
  const ViewLog& views() const { return views_; }
  // Thread: any.
  std::shared_ptr<const RunningState> state() const;

  static constexpr std::chrono::milliseconds kTickInterval{100};

 private:
  // What distinguishes two views. The generation does, so that a view says which table it was of.
  struct ViewFacts {
    uint64_t generation = 0;
    std::vector<std::pair<BackendIdentity, v1::BackendState>> states;  // sorted
    std::map<std::string, uint32_t>
        serving;  // by pool: bits of PoolServing, and whether it has expired
    std::map<std::string, bool> in_time;  // by route that has its times
    bool can_record = true;               // what must be recorded, if anything must
    std::set<RoutePool> degraded;
    friend bool operator==(const ViewFacts&, const ViewFacts&) = default;
  };
  struct Since {
    BackendIdentity backend;
    v1::BackendState state = v1::BACKEND_STATE_DOWN;
    int64_t unix_ms = 0;
  };

  void adopt(const ReadyTable& next);
  void wait_for_neighbors(const std::vector<IpAddress>& fresh);
  absl::Status publish();
  std::unique_ptr<const Snapshot> next_snapshot(const std::vector<JudgedBackend>& judged);
  ViewFacts facts_of(const std::vector<JudgedBackend>& judged, const Snapshot& snapshot) const;
  void keep_view(const std::vector<JudgedBackend>& judged, const Snapshot& snapshot);
  void log_view(const ViewFacts& before, const ViewFacts& after) const;
  void log_degraded(const ViewFacts& before, const ViewFacts& after) const;
  void show(const std::vector<JudgedBackend>& judged, const Snapshot& snapshot);
  void show_ports();
  int64_t next_change(int64_t now_unix_ms) const;
  bool clock_changes_view(int64_t now_unix_ms) const;

  Cores& cores_;
  Links& links_;
  TableStore& store_;
  const SetTargets set_targets_;
  const Clock clock_;
  ReadyTable running_;
  HealthByBackend health_;
  Recalls recalls_;
  uint32_t targets_end_ = 0;  // of all tables that ever ran: the highest TargetId
  std::vector<Since> since_;  // of what is shown, sorted by backend
  uint64_t view_ = 0;
  ViewFacts facts_;
  ViewLog views_;
  NodeCondition node_;
  ExpiryMemory expiry_;
  int64_t made_unix_ms_ = 0;  // when what is published was made, by the clock of then
  int64_t next_change_unix_ms_ = INT64_MAX;  // when the clock alone makes it wrong
  bool is_stale_ = false;                    // what is published does not say what is known
  bool is_health_unsaved_ = false;
  std::chrono::steady_clock::time_point next_save_;
  std::chrono::steady_clock::time_point next_look_at_ports_;
  mutable std::mutex mutex_;  // guards `state_`
  std::shared_ptr<const RunningState> state_ = std::make_shared<const RunningState>();
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// All nodes: one table for everybody, and the questions that only nodes can answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/fleet/node_session.h"
#include "controlplane/fleet/record_puller.h"
#include "controlplane/fleet/right_of_way.h"
#include "controlplane/fleet/table_history.h"
#include "dataplane/rpc/endpoint.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct FleetOptions {
  std::vector<NodeAddress> nodes;
  TlsFiles tls;
  absl::Duration interval = absl::Seconds(1);  // between two looks at a node
  CallTimeouts timeouts;
  MarkRecord mark_record;  // before it is stored; null: records are stored as they come
  OnRecords on_records;    // once they are stored; null: nobody is told
};

class Fleet;

// A table that every reachable node has built and proved. What is not committed is taken back.
class StagedTable {
 public:
  StagedTable(StagedTable&& other) noexcept;
  StagedTable& operator=(StagedTable&&) = delete;
  ~StagedTable();

  // Switches the nodes; from now on it is the table that the others are brought to. Cannot fail as
  // a whole: a node that does not switch is named and catches up.
  std::vector<v1::NodeResult> commit();
  // Whether somebody claimed the way since; who has not committed should not any more.
  bool is_over() const { return passage_->is_over(); }

 private:
  friend class Fleet;
  StagedTable(Fleet& fleet, Target target);

  Fleet* fleet_;  // null once committed or moved from
  Target target_;
  std::vector<v1::NodeResult> results_;  // of every node, in the configured order
  std::vector<NodeSession*> staged_;     // null where the node is away
  std::unique_ptr<RightOfWay::Passage> passage_;
};

// Thread: any, except that one table is staged or ordered at a time.
class Fleet {
 public:
  // Dials; does not wait.  Errors: INVALID_ARGUMENT (an address or its TLS files).
  static absl::StatusOr<std::unique_ptr<Fleet>> make(const FleetOptions& options,
                                                     RecordStore& records);
  ~Fleet();

  // Told of each node that does not take the table it is brought to, from any thread. To be called
  // before `start`.
  void call_when_refused(const OnRefusal& on_refusal);
  // Likewise: to whom recalls of before a restore are given, from any thread.
  void give_recalls_to(const TakeRecalls& take_recalls);
  // What nodes are to run, before any change; null: there is none yet. To be called before `start`.
  void aim(const Target& running);
  // Begins to bring nodes there, and to pull their records.
  void start();
  void stop();

  // Stages on all reachable nodes at once.
  // Errors: FAILED_PRECONDITION (a node refused; named with its reason; nothing stays staged
  // anywhere), ABORTED (`given_way`: somebody claimed the way).
  absl::StatusOr<StagedTable> stage(Target target);

  // Of staging and committing: a claim ends both at once, and nodes that have not committed are
  // brought to the table like those that are away.
  RightOfWay& right_of_way() { return right_of_way_; }

  // Brings every node to the table, each by itself: nobody waits for one that hangs or refuses.
  void order(Target target);
  // How far each node is, in the configured order; waits, until then, for those that are at work.
  std::vector<v1::NodeResult> results(absl::Time until) const;

  // What `table` would do to the live flows of every node that answers; changes nothing. Nodes that
  // are away are left out; one that cannot say has its `error` set.
  std::vector<v1::NodeEffect> preview(const v1::ForwardingTable& table);

  std::vector<v1::NodeEntry> nodes() const;
  // As `nodes`, asked now and briefly: their recalls are of this moment, except those of nodes that
  // do not answer until then.
  std::vector<v1::NodeEntry> ask_nodes(absl::Time until);
  // Those that answer, for as long as the fleet lives.
  std::vector<const NodeSession*> connected() const;

  // Errors: NOT_FOUND (no node of that name), UNAVAILABLE (it does not answer; or none does), those
  // of the node.
  absl::StatusOr<v1::ExplainResponse> explain(const v1::ExplainRequest& request) const;
  // The views that a node kept.  Errors: as `explain`.
  absl::StatusOr<v1::ListViewsResponse> views(const std::string& node,
                                              const v1::ListViewsRequest& request) const;
  // Node after node, in pages.  Errors: as `explain`, and INVALID_ARGUMENT (limit, page token).
  absl::StatusOr<v1::ListFlowsResponse> flows(const v1::ListFlowsRequest& request) const;
  v1::ListCountersResponse counters() const;

 private:
  friend class StagedTable;
  struct Member {
    std::unique_ptr<NodeSession> session;
    std::unique_ptr<RecordPuller> puller;
  };

  Fleet() = default;
  absl::Status add(const NodeAddress& node, const FleetOptions& options, RecordStore& records);
  NodeSession* find(const std::string& name) const;
  absl::StatusOr<std::vector<NodeSession*>> asked(const std::string& name) const;

  absl::Duration interval_;
  RightOfWay right_of_way_;
  TableHistory history_;
  std::vector<Member> members_;  // in the configured order
};

}  // namespace sluice::controlplane

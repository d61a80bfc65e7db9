// SPDX-License-Identifier: Apache-2.0
//
// Keeps one node at the table that it should run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/fleet/node_client.h"
#include "controlplane/fleet/right_of_way.h"
#include "controlplane/fleet/table_history.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct NodeAddress {
  std::string name;
  std::string address;
};

// What a node said of a table that it does not take.
using OnRefusal =
    std::function<void(const std::string& node, uint64_t generation, const std::string& reason)>;

// Takes over the recalls of a node that runs a table of an older term: of before a restore, which
// may not know them. What fails is tried again; the node keeps its table until then.
using TakeRecalls = std::function<absl::Status(const v1::GetStatusResponse&)>;

// A thread asks the node for its status once per interval, and sooner when it is told to hurry. A
// node that answers under another name is treated as away: nothing is pushed to it. Pushes have
// turns: whoever stages holds the turn until `commit` or `abort`. Thread: any.
class NodeSession {
 public:
  NodeSession(NodeAddress address, std::shared_ptr<NodeClient> client, TableHistory& history);
  ~NodeSession();

  // `on_away` is called, from any thread, whenever the node turns out not to answer; `on_refusal`
  // once for each table and reason with which the node does not let itself be brought to its
  // target. To be called before any other method.
  void call_when_away(std::function<void()> on_away) { on_away_ = std::move(on_away); }
  void call_when_refused(OnRefusal on_refusal) { on_refusal_ = std::move(on_refusal); }
  void give_recalls_to(TakeRecalls take_recalls) { take_recalls_ = std::move(take_recalls); }
  void start(absl::Duration interval);
  void stop();

  // What the node is brought to from now on.
  void aim(const Target& target);
  // Looks at the node at once, and brings it to its target. Waits for nothing.
  void hurry();
  // How far the node is on its way to its target. Waits, until then, for the end of the look that
  // `hurry` asked for last.
  v1::NodeResult result(absl::Time until) const;

  // Stages and keeps the turn when OK.
  // Errors: UNAVAILABLE (away; the turn is not kept), `given_way` likewise, others are the node's
  // refusal.
  absl::Status stage(const dataplane::CanonicalTable& table, RightOfWay::Passage& passage);
  // Commits what was staged and gives the turn back.  Errors: those of the node; UNAVAILABLE (a
  // claim went first).
  absl::Status commit(const dataplane::CanonicalTable& table, RightOfWay::Passage& passage);
  // Takes back what was staged, unless another table follows at once, and gives the turn back.
  void abort(RightOfWay::Passage& passage);

  // What `table` would do to the node's flows. Needs no turn: nothing is staged.
  v1::NodeEffect preview(const dataplane::CanonicalTable& table);
  bool is_connected() const;
  v1::NodeEntry entry() const;
  const std::string& name() const { return address_.name; }
  const NodeClient& client() const { return *client_; }

 private:
  void run(absl::Duration interval);
  void reconcile();
  bool is_behind() const;
  // Whether it runs recalls under an older term than `target`'s.
  bool has_older_recalls(const dataplane::CanonicalTable& target) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False: the node cannot be brought anywhere yet. Else it may be, to tables of `term`.
  bool give_older_recalls(uint64_t& term);
  absl::Status push(const dataplane::CanonicalTable& table);
  absl::Status send(const dataplane::CanonicalTable& table, RightOfWay::Passage* passage);
  absl::Status switch_to(const dataplane::CanonicalTable& table, RightOfWay::Passage* passage);
  void ask_status(StatusDetail detail, RightOfWay::Passage* passage = nullptr);
  std::string why_away(const absl::StatusOr<v1::GetStatusResponse>& answer) const;
  void record_push(const dataplane::CanonicalTable& table, const absl::Status& status);
  bool take_turn(const RightOfWay::Passage* passage = nullptr);
  void give_turn_back();

  const NodeAddress address_;
  const std::shared_ptr<NodeClient> client_;
  TableHistory& history_;
  std::function<void()> on_away_;  // written before anybody calls, likewise the next
  OnRefusal on_refusal_;
  TakeRecalls take_recalls_;
  std::thread thread_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t looks_asked_ ABSL_GUARDED_BY(mutex_) = 0;  // by `hurry`
  uint64_t looks_done_ ABSL_GUARDED_BY(mutex_) = 0;   // of those
  bool turn_taken_ ABSL_GUARDED_BY(mutex_) = false;
  Target target_ ABSL_GUARDED_BY(mutex_);
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;
  bool ever_seen_ ABSL_GUARDED_BY(mutex_) = false;
  std::string error_ ABSL_GUARDED_BY(mutex_) = "not asked yet";
  std::string push_error_ ABSL_GUARDED_BY(mutex_);      // of the last push; empty: it went well
  std::string refused_digest_ ABSL_GUARDED_BY(mutex_);  // of the table that the node refused last
  absl::Time retry_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time last_seen_ ABSL_GUARDED_BY(mutex_);
  v1::GetStatusResponse status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

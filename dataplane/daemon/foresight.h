// SPDX-License-Identifier: Apache-2.0
//
// What a table that does not run yet would do to the flows that live now.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/daemon/fabric.h"
#include "dataplane/flow/flow_event.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/snapshot.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::dataplane {

// Judges flow by flow, as the packet path would judge the flow's next packet, and by `steer`, as it
// would a new flow of the same addresses and ports. Such a flow goes elsewhere when its pool or its
// backend is another; a flow that stays although a new one would be refused counts with these.
// Thread: any one.  Shape: `next` and `registry` outlive it; `registry` knows the targets of the
// flows and the backends of `next`.
class Foresight {
 public:
  Foresight(const Snapshot& next, const Registry& registry);

  void add(const FlowEvent& flow);
  v1::FlowEffects effects() const;

 private:
  enum class Effect : uint8_t { kNone, kResteered, kMoved, kRevoked };
  struct Sum {
    uint64_t flows = 0;
    uint64_t resteered = 0;
  };

  template <Family F>
  void add_one(const FlowEvent& flow);
  template <Family F>
  Effect judge(const FlowKey<F>& key, ServiceIndex service, ClassIndex client_class,
               TargetId target);
  template <Family F>
  Effect move(const FlowKey<F>& key, ServiceIndex service) const;
  const BackendLine* line_of(TargetId target);
  void count(Effect effect);

  const Snapshot& next_;
  const Registry& registry_;
  std::map<BackendIdentity, BackendId> members_;
  std::map<uint32_t, const BackendLine*> lines_;       // by TargetId; null: no backend of `next_`
  std::map<std::pair<uint32_t, uint32_t>, Sum> sums_;  // by service and class
  v1::FlowEffects totals_;
};

// The effects on all flows of the cores.  Errors: UNAVAILABLE (an lcore did not answer).
absl::StatusOr<v1::FlowEffects> foresee_flows(const Snapshot& next, const Registry& registry,
                                              Cores& cores);

}  // namespace sluice::dataplane

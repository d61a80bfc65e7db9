// SPDX-License-Identifier: Apache-2.0
//
// Reads from all nodes what they observed of rollouts' flows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/fleet/fleet.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// Keeps where it stands on each node; begins with the oldest that a node keeps, also after a
// restart of the node.  Thread: one at a time.
class ObservationPuller {
 public:
  explicit ObservationPuller(const Fleet& fleet) : fleet_(fleet) {}

  // What was observed since the last call. Nodes are asked at once; one that does not answer within
  // its timeout is asked again the next time.
  std::vector<v1::FlowObservation> pull();

 private:
  struct Cursor {
    std::string incarnation;
    uint64_t sequence = 0;
  };
  static std::vector<v1::FlowObservation> pull_from(const NodeSession& session, Cursor& cursor);

  const Fleet& fleet_;
  std::map<std::string, Cursor> cursors_;  // by node
};

}  // namespace sluice::controlplane

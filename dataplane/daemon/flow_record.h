// SPDX-License-Identifier: Apache-2.0
//
// An lcore's fixed-size event as a record that people and controllers can read.
#pragma once

#include <string>

#include "dataplane/flow/flow_event.h"
#include "dataplane/table/registry.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::dataplane {

struct RecordOrigin {
  std::string node;
  std::string incarnation;
};

// Everything but the sequence number. Ids that `registry` never gave stay without names.  Thread:
// any.
v1::FlowRecord to_record(const FlowEvent& event, const RecordOrigin& origin,
                         const Registry& registry);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Finds in the views of nodes when new flows leave a pool that does badly, or are refused for want
// of a record, and when no longer.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// One node as its last view had it. A copy that has looked at views replaces the original once its
// events are written.
class SteeringWatch {
 public:
  // What the node had before: nothing is told of it.
  void begin_with(const v1::ViewRecord& complete);
  // An event for each change, in order. Views that were looked at before are passed over.
  // Shape: as `ListViews` answers.
  std::vector<v1::Event> look_at(const google::protobuf::RepeatedPtrField<v1::ViewRecord>& views);

 private:
  using RoutePool = std::pair<std::string, std::string>;

  void look_at(const v1::ViewRecord& view, std::vector<v1::Event>& events);

  std::set<RoutePool> degraded_;
  bool can_record_ = true;
  std::string incarnation_;
  uint64_t view_ = 0;
};

}  // namespace sluice::controlplane

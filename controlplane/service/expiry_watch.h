// SPDX-License-Identifier: Apache-2.0
//
// Finds in the views of nodes when a pool or a backend passed its `eligible_until`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "google/protobuf/repeated_ptr_field.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// The backends of one node as its last view had them. A copy that has looked at views replaces the
// original once its events are written.
class ExpiryWatch {
 public:
  // What the node had before: nothing is told of it.
  void begin_with(const v1::ViewRecord& complete);
  // An event for each pool and view in which backends of it passed their time, in order. Views that
  // were looked at before are passed over.  Shape: as `ListViews` answers.
  std::vector<v1::Event> look_at(const google::protobuf::RepeatedPtrField<v1::ViewRecord>& views);

 private:
  using Backends = std::map<std::string, v1::BackendState>;

  void look_at(const v1::ViewRecord& view, std::vector<v1::Event>& events);

  std::map<std::string, Backends> pools_;
  std::string incarnation_;
  uint64_t view_ = 0;
};

}  // namespace sluice::controlplane

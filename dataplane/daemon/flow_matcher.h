// SPDX-License-Identifier: Apache-2.0
//
// Whether a live flow is one that was asked for.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/flow/flow_event.h"
#include "dataplane/net/ip_address.h"
#include "sluice/v1/audit.pb.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::dataplane {

class FlowMatcher {
 public:
  // Errors: INVALID_ARGUMENT (`client_prefix` is none, `client_port` above 65535).
  static absl::StatusOr<FlowMatcher> make(const v1::FlowFilter& filter);

  // What can be said without names: cheap.
  bool matches(const FlowEvent& event) const;
  bool matches(const v1::FlowRecord& record) const;

 private:
  FlowMatcher(const v1::FlowFilter& filter, std::optional<IpPrefix> prefix)
      : filter_(filter), prefix_(prefix) {}
  v1::FlowFilter filter_;
  std::optional<IpPrefix> prefix_;
};

}  // namespace sluice::dataplane

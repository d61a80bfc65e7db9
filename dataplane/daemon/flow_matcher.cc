// SPDX-License-Identifier: Apache-2.0
//
// Applies a flow filter.
#include "dataplane/daemon/flow_matcher.h"

#include <string>

#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

bool is_wanted(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

}  // namespace

absl::StatusOr<FlowMatcher> FlowMatcher::make(const v1::FlowFilter& filter) {
  std::optional<IpPrefix> prefix;
  if (!filter.client_prefix().empty()) {
    prefix = IpPrefix::parse(filter.client_prefix());
    if (!prefix) {
      return absl::InvalidArgumentError(
          fmt::format("filter.client_prefix: \"{}\" is no address or prefix; write 198.51.100.0/24",
                      filter.client_prefix()));
    }
  }
  if (filter.client_port() > 65535) {
    return absl::InvalidArgumentError(
        fmt::format("filter.client_port: {} is no port; must be 0..65535", filter.client_port()));
  }
  return FlowMatcher(filter, prefix);
}

bool FlowMatcher::matches(const FlowEvent& event) const {
  if (filter_.flow_id() != 0 && filter_.flow_id() != event.flow_id) return false;
  if (filter_.client_port() != 0 && filter_.client_port() != event.client_port) return false;
  if (!prefix_) return true;
  const size_t count = event.family == Family::kIpv4 ? 4 : 16;
  const auto client = IpAddress::from_bytes(std::span(event.client).first(count));
  return client && prefix_->contains(*client);
}

bool FlowMatcher::matches(const v1::FlowRecord& record) const {
  return is_wanted(filter_.service(), record.service()) &&
         is_wanted(filter_.client_class(), record.client_class()) &&
         is_wanted(filter_.route(), record.route()) && is_wanted(filter_.pool(), record.pool()) &&
         is_wanted(filter_.backend(), record.backend()) && is_wanted(filter_.node(), record.node());
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// What the parts of `validate_policy` share: the policy, where it was written, and the list of
// violations.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/violation.h"
#include "dataplane/net/ip_address.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/message.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

struct Range {
  uint64_t min;
  uint64_t max;
};

// Units: nanoseconds.
struct DurationRange {
  int64_t min;
  int64_t max;
};

class Checker {
 public:
  Checker(const v1::Policy& policy, const ClientSets& clients, const SourceMap& source,
          Violations& violations);

  const v1::Policy& policy() const { return policy_; }
  const ClientSets& clients() const { return clients_; }

  // What parsing found at the same path already is not said again.
  void add(const std::string& path, std::string message);
  // " (policy.yaml:31)", or nothing when it is not known where `path` was written.
  std::string place(const std::string& path) const;

  // The path of the i-th object of a kind.
  std::string path_of(std::string_view kind, const google::protobuf::Message& object,
                      int index) const;

  void check_range(const std::string& path, uint64_t value, Range range);
  void check_duration(const std::string& path, const google::protobuf::Duration& duration,
                      DurationRange range);
  void check_labels(const std::string& path,
                    const google::protobuf::Map<std::string, std::string>& labels);
  void check_selector(const std::string& path, const v1::LabelSelector& selector);
  void refuse_unbuilt(const std::string& path, std::string_view what);
  // An address that a backend or a service can have. Errors: nullopt, after adding a violation.
  std::optional<dataplane::IpAddress> check_address(const std::string& path,
                                                    const std::string& text);
  // False after adding a violation that suggests the nearest name.
  bool check_reference(const std::string& path, std::string_view kind, const std::string& name);
  const v1::Route* find_route(const std::string& name) const;

 private:
  void check_label(const std::string& path, const std::string& key, const std::string& value);
  void check_requirement(const std::string& path, const v1::LabelRequirement& requirement);
  const std::vector<std::string>& names_of(std::string_view kind) const;

  const v1::Policy& policy_;
  const ClientSets& clients_;
  const SourceMap& source_;
  Violations& violations_;
  std::set<std::string, std::less<>> said_;                             // paths of violations
  std::map<std::string, std::vector<std::string>, std::less<>> names_;  // by kind, sorted
  std::map<std::string, const v1::Route*, std::less<>> routes_;
};

// One file each.
void check_client_classes(Checker& checker);
void check_pools(Checker& checker);
void check_services(Checker& checker);
void check_routes(Checker& checker);
void check_guardrails(Checker& checker);
void check_rollouts(Checker& checker);

// Parts of a route and of a rollout; `path` is the spec's.
void check_route_conditions(Checker& checker, const std::string& path, const v1::RouteSpec& route);
void check_rollout_analysis(Checker& checker, const std::string& path,
                            const v1::RolloutSpec& rollout);

// The paths of a pool's backends, in their order: "Pool/chat.spec.backends[v1-a]".
std::vector<std::string> backend_paths(const std::string& pool_path, const v1::Pool& pool);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What flow records and counters of one interval say about each subject that is watched.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controlplane/detect/counter.h"
#include "controlplane/detect/patterns.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Records say who came and how flows ended; counters, how many bytes and flows there are.
// Thread: one at a time.
class IntervalCounts {
 public:
  // Each record once. Of flows that began before `oldest` only the ends count: they come late when
  // a node was away, and would be a rush that never was.
  void add(std::span<const v1::FlowRecord> records, absl::Time oldest);
  // Once per interval, at its end.
  void add(const v1::ListCountersResponse& counters);

  // Of each service, class, pool and backend that the table has, whether anything came or not, and
  // of the client prefixes with the most new flows: `subjects_max` at most, the first ones of each.
  // While a node does not answer, what it does is missing: counts are not known then, unless that
  // lasts. Begins the next interval.
  std::vector<Observation> take(const v1::ForwardingTable& table, size_t subjects_max);

 private:
  static constexpr size_t kClientsCounted = 64;     // of each service
  static constexpr size_t kPrefixesCounted = 1024;  // in all

  struct Flows {
    uint64_t started = 0;
    uint64_t ended = 0;
    uint64_t reset = 0;      // of those that ended
    uint64_t opened = 0;     // by a SYN, of those that ended; and SYNs that have no record
    uint64_t completed = 0;  // handshakes of these
  };
  struct Traffic {
    uint64_t bytes = 0;
    uint64_t active = 0;
    uint64_t syns = 0;      // that have no record
    bool has_steps = true;  // of all targets
  };
  struct RouteFlows {
    uint64_t started = 0;
    std::map<std::string, uint64_t> pools;
  };
  // node, service, route, pool, backend
  using TargetKey = std::tuple<std::string, std::string, std::string, std::string, std::string>;
  struct TargetSteps {
    uint64_t interval = 0;  // in which it was seen last
    CounterStep bytes, syns;
  };

  void add(const v1::FlowRecord& record, bool is_fresh);
  void add(const v1::TargetCounters& target, TargetSteps& steps);
  bool is_partial() const;
  Flows& flows_of(SubjectKind kind, absl::string_view name);
  Observation observe(const Subject& subject) const;
  void observe_shares(const v1::ForwardingTable& table, std::map<Subject, Observation>& all) const;

  absl::flat_hash_map<std::string, Flows> flows_[5];  // by SubjectKind
  std::map<Subject, Traffic> traffic_;
  std::map<std::string, RouteFlows> routes_;
  std::map<std::string, SpaceSaving> clients_;  // by service
  SpaceSaving prefixes_{kPrefixesCounted};
  std::map<TargetKey, TargetSteps> targets_;
  bool has_counters_ = false;
  int partial_intervals_ = 0;  // in a row, that some node did not answer at the end of
  uint64_t interval_ = 1;
};

// "198.51.100.0/24" or "2001:db8:e00::/40": what one person's addresses have in common with those
// of many others.
std::string client_prefix(absl::string_view address);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What detection says: that something began to be unusual, or ended, with the evidence for it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/detect/cusum.h"
#include "controlplane/detect/space_saving.h"

namespace sluice::controlplane {

enum class SubjectKind : uint8_t { kClass, kService, kPool, kBackend, kClientPrefix };

struct Subject {
  SubjectKind kind = SubjectKind::kService;
  std::string name;  // a pool's backend: "POOL/BACKEND"

  auto operator<=>(const Subject&) const = default;
};

enum class Metric : uint8_t {
  kNewFlows,
  kBytes,
  kConcurrentFlows,
  kHandshakes,      // completed, of SYNs
  kResets,          // of flows that ended
  kRefusals,        // of new flows that asked
  kShare,           // of its service's new flows, beside the configured one
  kTopClientShare,  // of the new flows, by the client prefix with the most of them
  kSynFlood,        // SYNs per interval
};
inline constexpr size_t kMetricCount = 9;

std::string_view subject_kind_name(SubjectKind kind);
std::string_view metric_name(Metric metric);
std::string_view direction_name(Direction direction);

// One interval of a series beside what was expected.  Units: the metric's: events per interval, or
// a ratio.
struct Point {
  absl::Time time;  // of the interval's end
  double value = 0;
  double expected = 0;
  double low = 0;  // of the band of three standard deviations on each side
  double high = 0;
};

enum class Edge : uint8_t {
  kBegin,
  kEnd,       // it is as usual again
  kNewLevel,  // it lasted until it became what is usual
  kLost,      // its subject was not seen for too long
};

// What an interval changed for one series.
struct Change {
  Edge edge = Edge::kBegin;
  Direction direction = Direction::kUp;
  absl::Time since;  // end of the first interval that counts for it
  double size = 0;   // mean of value - expected since then, in the metric's unit
};

struct Finding {
  Subject subject;
  Metric metric = Metric::kNewFlows;
  Change change;
  absl::Time time;                       // of this edge
  std::vector<Point> recent;             // oldest first; the last is of `time`
  std::vector<HeavyHitter> top_clients;  // of the interval; empty: not known
};

}  // namespace sluice::controlplane

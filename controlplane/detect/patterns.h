// SPDX-License-Identifier: Apache-2.0
//
// Watches what every class, service, pool, backend and client prefix usually does.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/detect/finding.h"
#include "controlplane/detect/moving_average.h"
#include "controlplane/detect/series.h"

namespace sluice::controlplane {

struct Ratio {
  uint64_t part = 0;  // more than `whole` counts as `whole`
  uint64_t whole = 0;
};

struct ShareObservation {
  Ratio flows;            // new ones, of all of the service's
  double configured = 0;  // what the ratio is to be
};

// What one subject did in one interval. Unset is not known and not judged; a subject that nothing
// came to has zeros.
struct Observation {
  Subject subject;
  std::optional<uint64_t> new_flows;
  std::optional<uint64_t> bytes;
  std::optional<uint64_t> concurrent_flows;  // at the interval's end
  std::optional<Ratio> handshakes;           // completed, of the SYNs
  std::optional<Ratio> resets;               // of the flows that ended
  std::optional<Ratio> refusals;             // of the new flows that asked
  std::optional<ShareObservation> share;
  std::vector<HeavyHitter> top_clients;  // by new flows, the largest first; empty: not known
};

struct PatternsSettings {
  absl::Duration interval = absl::Minutes(1);
  size_t subjects_max = 4096;  // 40 KB each; the one seen least lately goes first
  DetectorSettings detector;
};

// For metrics: how unusual a series is now.
struct SeriesScore {
  Subject subject;
  Metric metric = Metric::kNewFlows;
  Direction direction = Direction::kUp;
  double score = 0;  // 1: the threshold at which an anomaly begins
  bool is_active = false;
};

// Thread: one at a time.  Cost: 2 microseconds per series and interval.
class Patterns {
 public:
  explicit Patterns(const PatternsSettings& settings) : settings_(settings) {}

  // The interval that ended at `end`, whole. Intervals that are left out are missed, after a clock
  // that was set back counting goes on.
  std::vector<Finding> observe(absl::Time end, std::span<const Observation> observations);

  // Something else is usual for the subject from here on, by somebody's decision: it is watched
  // anew.  Returns the ends of what was under way.
  std::vector<Finding> forget(const Subject& subject);

  // Of every series that deviates now, in no order.
  std::vector<SeriesScore> scores() const;
  size_t subject_count() const { return watched_.size(); }

 private:
  using Samples = std::array<std::optional<Sample>, kMetricCount>;
  struct Watched {
    Subject subject;
    MovingRatio bytes_per_flow;
    SpaceSaving clients;  // of the intervals since their share was judged last
    uint64_t flows = 0;   // likewise
    std::array<std::unique_ptr<Series>, kMetricCount> series;  // null: never observed
  };
  using Order = std::list<Watched>;  // the one that was seen most lately first

  void advance(absl::Time end);
  void lose(Watched& watched, std::vector<Finding>& findings);
  void give_up_unseen(std::vector<Finding>& findings);
  Watched& watched(const Subject& subject, std::vector<Finding>& findings);
  void observe(const Observation& observation, Watched& watched, std::vector<Finding>& findings);
  Finding finding(const Watched& watched, size_t metric, const Change& change) const;
  static Samples samples_of(const Observation& observation, Watched& watched);
  static RatioSample top_client_share(const Observation& observation, Watched& watched);

  PatternsSettings settings_;
  absl::Time end_ = absl::InfinitePast();  // of the last interval
  int64_t number_ = 0;                     // its number
  Order order_;
  std::map<Subject, Order::iterator> watched_;
};

}  // namespace sluice::controlplane

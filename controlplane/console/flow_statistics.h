// SPDX-License-Identifier: Apache-2.0
//
// What flow records add up to, by the policy that steered the flows.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/metrics/metric_page.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// Observations by size.
template <size_t kBounds>
struct Histogram {
  std::array<uint64_t, kBounds + 1> counts{};
  double sum = 0;

  void observe(const std::array<double, kBounds>& bounds, double value) {
    size_t bucket = 0;
    while (bucket < kBounds && value > bounds[bucket])
      ++bucket;
    ++counts[bucket];
    sum += value;
  }
};

// Since the program started. Thread: any.
class FlowStatistics {
 public:
  // Each record once.
  void add(std::span<const v1::FlowRecord> records);
  // Numbers that were skipped: records that a node lost, or that were overwritten there.
  void add_missing(const std::string& node, uint64_t records);

  // Families of the series; to be added to a page.
  void write(MetricPage& page) const;

 private:
  // service, client class, route, pool
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  static constexpr size_t kHandshakeBounds = 12;
  static constexpr size_t kDurationBounds = 10;
  struct Series {
    uint64_t started = 0;
    std::array<uint64_t, v1::EndReason_ARRAYSIZE> ended{};
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Histogram<kHandshakeBounds> handshakes;
    Histogram<kDurationBounds> durations;
  };
  static const std::array<double, kHandshakeBounds> kHandshakeSeconds;
  static const std::array<double, kDurationBounds> kDurationSeconds;

  Series& series_of(const v1::FlowRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void add(const v1::FlowRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void write_counts(MetricPage& page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void write_times(MetricPage& page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<Key, Series> series_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> missing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

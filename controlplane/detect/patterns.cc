// SPDX-License-Identifier: Apache-2.0
//
// Watches what every class, service, pool, backend and client prefix usually does.
#include "controlplane/detect/patterns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace sluice::controlplane {
namespace {

// One client of two is no abuse: the share of the top one is judged of at least that many flows.
constexpr uint64_t kFlowsMin = 50;
constexpr size_t kClientsCounted = 64;
constexpr double kIntervalsMissedMax = 1e6;  // more is no different

size_t index(Metric metric) {
  return static_cast<size_t>(metric);
}

RatioSample sample_of(const Ratio& ratio) {
  return {.part = static_cast<double>(ratio.part), .trials = static_cast<double>(ratio.whole)};
}

CountSample sample_of(uint64_t count) {
  return {.value = static_cast<double>(count)};
}

}  // namespace

std::vector<Finding> Patterns::observe(absl::Time end, std::span<const Observation> observations) {
  advance(end);
  std::vector<Finding> findings;
  give_up_unseen(findings);
  for (const Observation& observation : observations)
    observe(observation, watched(observation.subject, findings), findings);
  return findings;
}

void Patterns::advance(absl::Time end) {
  double intervals = 1;
  if (end_ != absl::InfinitePast())
    intervals = std::round(absl::FDivDuration(end - end_, settings_.interval));
  end_ = end;
  number_ += static_cast<int64_t>(std::clamp(intervals, 1.0, kIntervalsMissedMax));
}

void Patterns::give_up_unseen(std::vector<Finding>& findings) {
  for (const Watched& watched : order_) {
    for (size_t metric = 0; metric < kMetricCount; ++metric) {
      if (watched.series[metric] == nullptr) continue;
      if (const std::optional<Change> lost = watched.series[metric]->look(number_))
        findings.push_back(finding(watched, metric, *lost));
    }
  }
}

void Patterns::lose(Watched& watched, std::vector<Finding>& findings) {
  for (size_t metric = 0; metric < kMetricCount; ++metric) {
    Series* series = watched.series[metric].get();
    if (series == nullptr) continue;
    if (const std::optional<Change> lost = series->look(std::numeric_limits<int32_t>::max()))
      findings.push_back(finding(watched, metric, *lost));
  }
}

std::vector<Finding> Patterns::forget(const Subject& subject) {
  std::vector<Finding> findings;
  const auto found = watched_.find(subject);
  if (found == watched_.end()) return findings;
  lose(*found->second, findings);
  order_.erase(found->second);
  watched_.erase(found);
  return findings;
}

Patterns::Watched& Patterns::watched(const Subject& subject, std::vector<Finding>& findings) {
  if (const auto found = watched_.find(subject); found != watched_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return order_.front();
  }
  if (watched_.size() >= std::max<size_t>(settings_.subjects_max, 1)) {
    lose(order_.back(), findings);
    watched_.erase(order_.back().subject);
    order_.pop_back();
  }
  order_.push_front({.subject = subject,
                     .bytes_per_flow = MovingRatio(settings_.detector.memory.of_noise),
                     .clients = SpaceSaving(kClientsCounted)});
  watched_[subject] = order_.begin();
  return order_.front();
}

// No trials until there are enough.
RatioSample Patterns::top_client_share(const Observation& observation, Watched& watched) {
  for (const HeavyHitter& client : observation.top_clients)
    watched.clients.add(client.key, client.guaranteed());
  watched.flows += *observation.new_flows;
  if (watched.flows < kFlowsMin) return {};
  const std::vector<HeavyHitter> top = watched.clients.top(1);
  const RatioSample sample = sample_of({top.empty() ? 0 : top[0].guaranteed(), watched.flows});
  watched.clients.clear();
  watched.flows = 0;
  return sample;
}

Patterns::Samples Patterns::samples_of(const Observation& observation, Watched& watched) {
  Samples samples;
  if (observation.new_flows) samples[index(Metric::kNewFlows)] = sample_of(*observation.new_flows);
  if (observation.bytes) {
    CountSample sample = sample_of(*observation.bytes);
    watched.bytes_per_flow.add(sample.value,
                               static_cast<double>(observation.new_flows.value_or(0)));
    sample.grain = watched.bytes_per_flow.value();
    samples[index(Metric::kBytes)] = sample;
  }
  if (observation.concurrent_flows)
    samples[index(Metric::kConcurrentFlows)] = sample_of(*observation.concurrent_flows);
  if (observation.handshakes) {
    samples[index(Metric::kHandshakes)] = sample_of(*observation.handshakes);
    samples[index(Metric::kSynFlood)] = sample_of(*observation.handshakes);
  }
  if (observation.resets) samples[index(Metric::kResets)] = sample_of(*observation.resets);
  if (observation.refusals) samples[index(Metric::kRefusals)] = sample_of(*observation.refusals);
  if (observation.share) {
    RatioSample sample = sample_of(observation.share->flows);
    sample.configured = observation.share->configured;
    samples[index(Metric::kShare)] = sample;
  }
  const bool knows_clients = observation.new_flows == 0 || !observation.top_clients.empty();
  if (observation.new_flows && knows_clients)
    samples[index(Metric::kTopClientShare)] = top_client_share(observation, watched);
  return samples;
}

void Patterns::observe(const Observation& observation, Watched& watched,
                       std::vector<Finding>& findings) {
  const Samples samples = samples_of(observation, watched);
  for (size_t metric = 0; metric < kMetricCount; ++metric) {
    if (!samples[metric]) continue;
    std::unique_ptr<Series>& series = watched.series[metric];
    if (series == nullptr)
      series = std::make_unique<Series>(static_cast<Metric>(metric), settings_.detector);
    const std::optional<Change> change = series->observe(number_, end_, *samples[metric]);
    if (!change) continue;
    findings.push_back(finding(watched, metric, *change));
    findings.back().top_clients = observation.top_clients;
  }
}

Finding Patterns::finding(const Watched& watched, size_t metric, const Change& change) const {
  return {.subject = watched.subject,
          .metric = static_cast<Metric>(metric),
          .change = change,
          .time = end_,
          .recent = watched.series[metric]->recent(),
          .top_clients = {}};
}

std::vector<SeriesScore> Patterns::scores() const {
  std::vector<SeriesScore> scores;
  for (const Watched& watched : order_) {
    for (size_t metric = 0; metric < kMetricCount; ++metric) {
      const Series* series = watched.series[metric].get();
      if (series == nullptr) continue;
      for (const Direction direction : {Direction::kUp, Direction::kDown}) {
        const double score = series->score(direction);
        if (score > 0)
          scores.push_back({watched.subject, static_cast<Metric>(metric), direction, score,
                            series->active() == direction});
      }
    }
  }
  return scores;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Days of traffic of a fleet's services, minute by minute, with anomalies planted at known times.
#include "tests/support/generated_days.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::controlplane {
namespace {

constexpr double kJitter = 0.06;         // of the logarithm of the rate, of each minute by itself
constexpr double kWander = 0.05;         // likewise, and of what wanders
constexpr double kWanderKept = 0.9;      // from one minute to the next
constexpr double kDayJitter = 0.08;      // likewise, of each day
constexpr double kWeekendFactor = 0.75;  // reached within hours
constexpr double kBurstsPerDay = 8;
constexpr double kIncomplete = 0.01;  // of SYNs
constexpr double kResets = 0.01;
constexpr double kRefusals = 0.001;
constexpr double kShare = 0.7;  // of the first pool
constexpr double kShareJitter = 0.005;
constexpr double kPlantedRatio = 0.1;
constexpr double kPlantedShift = 0.05;
constexpr double kAbuse = 0.4;
constexpr size_t kClients = 400;         // prefixes of a service, by Zipf's law
constexpr size_t kClientsDrawn = 8;      // of these the largest are drawn where flows are many
constexpr uint64_t kFlowsDrawn = 200;    // and one by one up to that many
constexpr double kMinutesPerFlow = 2.5;  // mean, exponential
constexpr double kBytesPerFlow = 40'000;
constexpr double kBytesSigma = 1.2;  // of the logarithm
constexpr int64_t kRampMinutes = 120;

double zipf_weight(size_t client) {
  return 1 / static_cast<double>(client + 3);
}

double zipf_total() {
  double total = 0;
  for (size_t i = 0; i < kClients; ++i)
    total += zipf_weight(i);
  return total;
}

// The larger of the noise that usual minutes have and that of the anomaly's own.
double ratio_in_noise(double usual, double planted, double trials, double jitter) {
  const double variance = std::max(usual * (1 - usual), planted * (1 - planted)) / trials;
  return std::abs(planted - usual) / std::sqrt(variance + jitter * jitter);
}

double count_in_noise(double usual, double planted) {
  const double most = std::max(usual, planted);
  const double relative = kJitter * kJitter + kWander * kWander;
  return std::abs(planted - usual) / std::sqrt(most + relative * most * most);
}

// The anomaly's size in standard deviations of one minute.
double size_in_noise(Planted kind, double rate) {
  switch (kind) {
    case Planted::kSpike:
      return count_in_noise(rate, 3 * rate);
    case Planted::kDrop:
      return count_in_noise(rate, 0.3 * rate);
    case Planted::kRamp:
      return count_in_noise(rate, 1.75 * rate);  // the mean of its two hours
    case Planted::kSynFlood:
      return count_in_noise(rate, rate + std::max(4 * rate, 120.0));
    case Planted::kResets:
      return ratio_in_noise(kResets, kPlantedRatio, rate, 0);
    case Planted::kRefusals:
      return ratio_in_noise(kRefusals, kPlantedRatio, rate, 0);
    case Planted::kShare:
      return ratio_in_noise(kShare, kShare + kPlantedShift, rate, kShareJitter);
    case Planted::kAbuse:
      return ratio_in_noise(zipf_weight(0) / zipf_total(), kAbuse / (1 + kAbuse), rate, 0);
  }
  return 0;
}

}  // namespace

std::string_view planted_name(Planted kind) {
  constexpr std::array<std::string_view, kPlantedCount> kNames = {
      "spike", "drop", "ramp", "syn_flood", "resets", "refusals", "share", "abuse"};
  return kNames[static_cast<size_t>(kind)];
}

GeneratedDays::GeneratedDays(uint64_t seed, int days) : random_(seed) {
  for (size_t i = 0; i < kServices; ++i) {
    services_[i] = {.rate = kRates[i],
                    .peak_minute = uniform() * kMinutesPerDay,
                    .swing = 0.3 + 0.5 * uniform()};
    services_[i].concurrent = kMinutesPerFlow * usual_rate(services_[i], 0);
  }
  plant(days);
}

double GeneratedDays::usual_rate(const Service& service, int64_t minute) const {
  const double turn = 2 * std::numbers::pi / kMinutesPerDay;
  const double since_peak = static_cast<double>(minute) - service.peak_minute;
  // The second harmonic makes mornings steeper than evenings.
  const double season =
      service.swing * (std::cos(turn * since_peak) + 0.3 * std::sin(2 * turn * since_peak));
  const double day = std::fmod(static_cast<double>(minute) / kMinutesPerDay, 7);
  const double weekend = std::clamp(4 * std::min(day - 5, 7 - day), 0.0, 1.0);
  return service.rate * std::exp(season) * (1 - (1 - kWeekendFactor) * weekend);
}

// 0: it would be lost in the noise.
int64_t GeneratedDays::duration_of(Planted kind, double rate) const {
  const double size = size_in_noise(kind, rate);
  if (size < 1) return 0;
  if (kind == Planted::kRamp) return size * std::sqrt(kRampMinutes) >= 10 ? kRampMinutes + 30 : 0;
  for (const int64_t minutes : {10, 20, 40, 60, 90, 120})
    if (size * std::sqrt(static_cast<double>(minutes)) >= 10) return minutes;
  return 0;
}

void GeneratedDays::plant(int days) {
  for (int day = 1; day < days; ++day) {
    for (size_t i = 0; i < kServices; ++i) {
      const int64_t from =
          day * kMinutesPerDay + 60 + static_cast<int64_t>(uniform() * (kMinutesPerDay - 360));
      const double rate = usual_rate(services_[i], from + 60);
      const auto first = static_cast<size_t>(uniform() * kPlantedCount);
      for (size_t offset = 0; offset < kPlantedCount; ++offset) {
        const auto kind = static_cast<Planted>((first + offset) % kPlantedCount);
        const int64_t minutes = duration_of(kind, rate);
        if (minutes == 0) continue;
        anomalies_.push_back({kind, i, from, from + minutes});
        break;
      }
    }
  }
}

const Anomaly* GeneratedDays::anomaly_now(size_t service) const {
  const auto found =
      std::find_if(anomalies_.begin(), anomalies_.end(), [&](const Anomaly& anomaly) {
        return anomaly.service == service && anomaly.from <= minute_ && minute_ < anomaly.to;
      });
  return found == anomalies_.end() ? nullptr : &*found;
}

uint64_t GeneratedDays::poisson(double mean) {
  if (mean <= 0) return 0;
  // Beyond a few hundred the normal distribution differs by nothing that any test here sees.
  if (mean > 500) return static_cast<uint64_t>(std::max(mean + std::sqrt(mean) * normal(), 0.0));
  return std::poisson_distribution<uint64_t>(mean)(random_);
}

uint64_t GeneratedDays::binomial(uint64_t trials, double chance) {
  const double mean = static_cast<double>(trials) * chance;
  const double variance = mean * (1 - chance);
  if (variance < 500) return std::binomial_distribution<uint64_t>(trials, chance)(random_);
  const double drawn = mean + std::sqrt(variance) * normal();
  return static_cast<uint64_t>(std::clamp(drawn, 0.0, static_cast<double>(trials)));
}

GeneratedDays::Flows GeneratedDays::flows_of(size_t index) {
  Service& service = services_[index];
  if (minute_ % kMinutesPerDay == 0) {
    service.day = service.next_day;
    service.next_day = kDayJitter * normal();
  }
  const double passed = static_cast<double>(minute_ % kMinutesPerDay) / kMinutesPerDay;
  const double day = std::lerp(service.day, service.next_day, passed);
  service.wander =
      kWanderKept * service.wander + kWander * std::sqrt(1 - kWanderKept * kWanderKept) * normal();
  double factor = std::exp(day + service.wander + kJitter * normal());
  if (uniform() < kBurstsPerDay / kMinutesPerDay) factor *= 1.5 + 2.5 * uniform();

  const double usual = usual_rate(service, minute_);
  Flows flows;
  if (const Anomaly* anomaly = anomaly_now(index)) {
    const double progress =
        std::min(static_cast<double>(minute_ - anomaly->from) / kRampMinutes, 1.0);
    if (anomaly->kind == Planted::kSpike) factor *= 3;
    if (anomaly->kind == Planted::kDrop) factor *= 0.3;
    if (anomaly->kind == Planted::kRamp) factor *= 1 + 1.5 * progress;
    if (anomaly->kind == Planted::kAbuse) flows.abusive = poisson(kAbuse * usual);
    if (anomaly->kind == Planted::kSynFlood) flows.flood = poisson(std::max(4 * usual, 120.0));
  }
  flows.completed = poisson(usual * factor) + flows.abusive;
  return flows;
}

std::vector<HeavyHitter> GeneratedDays::top_clients(uint64_t flows, uint64_t abusive) {
  static const double total = zipf_total();
  SpaceSaving clients(64);
  clients.add("203.0.113.0/24", abusive);
  const uint64_t usual = flows - abusive;
  if (usual > kFlowsDrawn) {
    for (size_t i = 0; i < kClientsDrawn; ++i)
      clients.add(std::to_string(i), binomial(usual, zipf_weight(i) / total));
    return clients.top(3);
  }
  static const std::vector<double> weights = [] {
    std::vector<double> all;
    for (size_t i = 0; i < kClients; ++i)
      all.push_back(zipf_weight(i));
    return all;
  }();
  static std::discrete_distribution<size_t> draw(weights.begin(), weights.end());
  for (uint64_t i = 0; i < usual; ++i)
    clients.add(std::to_string(draw(random_)));
  return clients.top(3);
}

void GeneratedDays::add_service(size_t index, std::vector<Observation>& observations) {
  const Anomaly* anomaly = anomaly_now(index);
  const auto is = [&](Planted kind) { return anomaly != nullptr && anomaly->kind == kind; };
  Service& service = services_[index];
  const Flows flows = flows_of(index);
  const uint64_t opened = flows.completed + flows.flood;
  const auto ended = binomial(static_cast<uint64_t>(service.concurrent), 1 / kMinutesPerFlow);
  service.concurrent += static_cast<double>(flows.completed) - static_cast<double>(ended);

  const double mean_size = kBytesPerFlow * std::exp(kBytesSigma * kBytesSigma / 2);
  const double variance = mean_size * mean_size * (std::exp(kBytesSigma * kBytesSigma) - 1);
  const auto count = static_cast<double>(flows.completed);
  double bytes = mean_size * count + std::sqrt(variance * count) * normal();
  if (flows.completed < 100) {
    bytes = 0;
    for (uint64_t i = 0; i < flows.completed; ++i)
      bytes += kBytesPerFlow * std::exp(kBytesSigma * normal());
  }
  const double refused = is(Planted::kRefusals) ? kPlantedRatio : kRefusals;
  const uint64_t asked = opened + poisson(static_cast<double>(opened) * refused / (1 - refused));
  Observation observation{.subject = {SubjectKind::kService, name(index)}};
  observation.new_flows = opened;
  observation.bytes = static_cast<uint64_t>(std::max(bytes, 0.0)) + 60 * flows.flood;
  observation.concurrent_flows = static_cast<uint64_t>(service.concurrent);
  observation.handshakes = {binomial(flows.completed, 1 - kIncomplete), opened};
  observation.resets = {binomial(ended, is(Planted::kResets) ? kPlantedRatio : kResets), ended};
  observation.refusals = {asked - opened, asked};
  observation.top_clients = top_clients(flows.completed, flows.abusive);
  observations.push_back(observation);
  add_pools(observation, is(Planted::kShare), observations);
}

void GeneratedDays::add_pools(const Observation& service, bool is_shifted,
                              std::vector<Observation>& observations) {
  const double share = kShare + kShareJitter * normal() + (is_shifted ? kPlantedShift : 0);
  const uint64_t first = binomial(*service.new_flows, share);
  const uint64_t first_resets = binomial(service.resets->part, kShare);
  const uint64_t first_ended = binomial(service.resets->whole - service.resets->part, kShare);
  for (const bool is_first : {true, false}) {
    Observation pool{.subject = {SubjectKind::kPool,
                                 service.subject.name + (is_first ? "/stable" : "/candidate")}};
    pool.new_flows = is_first ? first : *service.new_flows - first;
    pool.share = {{*pool.new_flows, *service.new_flows}, is_first ? kShare : 1 - kShare};
    const uint64_t resets = is_first ? first_resets : service.resets->part - first_resets;
    const uint64_t ended = service.resets->whole - service.resets->part;
    pool.resets = {resets, resets + (is_first ? first_ended : ended - first_ended)};
    observations.push_back(pool);
  }
}

std::vector<Observation> GeneratedDays::next() {
  std::vector<Observation> observations;
  for (size_t i = 0; i < kServices; ++i)
    add_service(i, observations);
  ++minute_;
  return observations;
}

}  // namespace sluice::controlplane

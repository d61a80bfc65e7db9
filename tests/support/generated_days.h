// SPDX-License-Identifier: Apache-2.0
//
// Days of traffic of a fleet's services, minute by minute, with anomalies planted at known times.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/detect/patterns.h"

namespace sluice::controlplane {

enum class Planted : uint8_t {
  kSpike,     // three times the flows
  kDrop,      // 30 % of the flows
  kRamp,      // two and a half times the flows, reached in two hours
  kSynFlood,  // five times the SYNs, at least 120 more a minute, none of which completes
  kResets,    // of a tenth of the flows, instead of a hundredth
  kRefusals,  // of a tenth of the flows, instead of a thousandth
  kShare,     // of a pool, five points above the configured one
  kAbuse,     // one client prefix adds 40 % to all flows
};
inline constexpr size_t kPlantedCount = 8;
std::string_view planted_name(Planted kind);

struct Anomaly {
  Planted kind = Planted::kSpike;
  size_t service = 0;
  int64_t from = 0;  // minutes since the first day began, likewise `to`, exclusive
  int64_t to = 0;
};

// Flows follow the time of the day, fall at weekends, differ from day to day, wander within the
// hour, come in bursts of one minute, and are Poisson around that. One anomaly is planted per
// service on every day but the first, of a kind whose size the rate lets be seen at all: by the
// model's own noise, at least one standard deviation per minute, and ten over its duration.
class GeneratedDays {
 public:
  static constexpr int64_t kMinutesPerDay = 24 * 60;
  static constexpr size_t kServices = 10;
  // Per minute, the day's mean.
  static constexpr std::array<double, kServices> kRates = {1,   3,     10,    30,     100,
                                                           300, 1'000, 6'000, 60'000, 300'000};

  GeneratedDays(uint64_t seed, int days);

  // What was observed in the next minute, of all services and their pools.
  std::vector<Observation> next();
  absl::Time end() const { return absl::FromUnixSeconds(kStart) + absl::Minutes(minute_); }
  int64_t minute() const { return minute_; }  // that `next` gives
  const std::vector<Anomaly>& anomalies() const { return anomalies_; }
  static std::string name(size_t service) { return "service-" + std::to_string(service); }

 private:
  static constexpr int64_t kStart = 1'767'571'200;  // a Monday, 00:00 UTC

  struct Service {
    double rate = 0;         // per minute
    double peak_minute = 0;  // of the day
    double swing = 0;        // of the logarithm of the rate, either way
    double day = 0;          // likewise, at the day's begin
    double next_day = 0;     // likewise, at its end
    double wander = 0;       // of the logarithm, autoregressive
    double concurrent = 0;
  };
  struct Flows {
    uint64_t completed = 0;  // SYNs that a client meant, nearly all of which complete
    uint64_t flood = 0;
    uint64_t abusive = 0;  // of `completed`
  };

  double uniform() { return std::uniform_real_distribution<double>()(random_); }
  double normal() { return std::normal_distribution<double>()(random_); }
  uint64_t poisson(double mean);
  uint64_t binomial(uint64_t trials, double chance);

  double usual_rate(const Service& service, int64_t minute) const;
  void plant(int days);
  int64_t duration_of(Planted kind, double rate) const;
  const Anomaly* anomaly_now(size_t service) const;
  Flows flows_of(size_t index);
  std::vector<HeavyHitter> top_clients(uint64_t flows, uint64_t abusive);
  void add_service(size_t index, std::vector<Observation>& observations);
  void add_pools(const Observation& service, bool is_shifted,
                 std::vector<Observation>& observations);

  std::mt19937_64 random_;
  std::array<Service, kServices> services_;
  std::vector<Anomaly> anomalies_;
  int64_t minute_ = 0;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Whether a rollout's candidate does as well as the stable pool, by what layer 4 sees of both, its
// health and its metrics.
#include "controlplane/rollout/analysis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controlplane/rollout/client_values.h"
#include "controlplane/rollout/metric_checks.h"
#include "controlplane/rollout/proto_time.h"

namespace sluice::controlplane {
namespace {

using Result = v1::RolloutVerdict::Result;
constexpr Result kPass = v1::RolloutVerdict::RESULT_PASS;
constexpr Result kFail = v1::RolloutVerdict::RESULT_FAIL;
constexpr Result kNoData = v1::RolloutVerdict::RESULT_NO_DATA;

// A rollout is looked at once a second, perhaps for hours: a healthy candidate has to pass many
// thousands of looks. What is really bad is far beyond this within seconds.
constexpr double kFailureProbability = 1e-4;
// From here on the stable pool has fewer clients left than the candidate, at the end none.
constexpr uint32_t kHalf = 500'000;

constexpr std::array<const char*, kSignals> kNames = {
    "unanswered",    "syn_retransmissions", "handshake_time", "no_response",
    "response_time", "bytes_served",        "reconnects",     "client_resets"};

// What is wrong wherever it happens, so that it can be judged without anything to compare with.
bool is_bad_by_itself(Signal signal) {
  return signal == Signal::kUnanswered || signal == Signal::kNoResponse ||
         signal == Signal::kClientResets;
}

// Some services see no request before their answer: their clients send nothing first.
bool needs_requests(Signal signal) {
  return signal == Signal::kNoResponse || signal == Signal::kResponseTime;
}

std::string time_text(double log_us) {
  return absl::FormatDuration(absl::Microseconds(std::llround(std::exp(log_us))));
}

std::string value_text(Signal signal, double value) {
  return is_time(signal) ? time_text(value) : absl::StrFormat("%.1f %%", 100 * value);
}

struct Judged {
  v1::RolloutCheck check;
  bool counts = true;  // false: its lack of data is no reason to wait
};

// The comparison of the two cohorts, check by check.
class Comparison {
 public:
  Comparison(const AnalysisInput& input, const AnalysisSettings& settings)
      : input_(input), settings_(settings) {
    const absl::Time oldest =
        std::max(input.now - settings.window, time_from(input.status.step_started()));
    std::vector<ObservedFlow> candidate;
    std::vector<ObservedFlow> stable;
    for (const ObservedFlow& flow : input.flows) {
      if (flow.start < oldest || flow.start > input.now - settings.age) continue;
      (flow.is_candidate ? candidate : stable).push_back(flow);
    }
    candidate_ = cohort_of(std::move(candidate));
    stable_ = cohort_of(std::move(stable));
  }

  Judged judge(Signal signal) const {
    Judged judged;
    v1::RolloutCheck& check = judged.check;
    const Moments& candidate = candidate_[static_cast<size_t>(signal)];
    const Moments stable = control_of(signal, check);
    check.set_name(kNames[static_cast<size_t>(signal)]);
    check.set_candidate(shown(signal, candidate.mean));
    check.set_bound(is_time(signal) ? settings_.slower_by : settings_.max_excess);
    check.set_candidate_clients(candidate.count);
    check.set_p_value(1);
    check.set_result(kNoData);
    if (candidate.count < settings_.min_clients) {
      check.set_message(absl::StrCat(candidate.count, " of ", settings_.min_clients,
                                     " clients of the candidate"));
      judged.counts = !(needs_requests(signal) && nobody_asks());
      if (!judged.counts) check.set_message("no requests were seen on either side");
      return judged;
    }
    if (!has_control_) {
      judged.counts = input_.status.weight() <= kHalf;
      check.set_message(judged.counts
                            ? absl::StrCat(stable_[static_cast<size_t>(signal)].count, " of ",
                                           settings_.min_clients, " clients of the stable pool")
                            : "nothing is left to compare it with");
      return judged;
    }
    test(signal, candidate, stable, check);
    return judged;
  }

 private:
  // Times are shown in microseconds.
  static double shown(Signal signal, double value) {
    return is_time(signal) && value != 0 ? std::exp(value) : value;
  }

  bool nobody_asks() const {
    const size_t requests = static_cast<size_t>(Signal::kNoResponse);
    const bool has_clients =
        candidate_[static_cast<size_t>(Signal::kUnanswered)].count >= settings_.min_clients;
    return has_clients && stable_[requests].count < settings_.min_clients;
  }

  const v1::RolloutCheck* earlier(Signal signal) const {
    for (const v1::RolloutCheck& check : input_.status.verdict().checks()) {
      if (check.name() == kNames[static_cast<size_t>(signal)]) return &check;
    }
    return nullptr;
  }

  // What the candidate is compared with: the stable pool's clients of now; once the candidate has
  // most of them, what the stable pool last showed in this rollout.
  Moments control_of(Signal signal, v1::RolloutCheck& check) const {
    Moments stable = stable_[static_cast<size_t>(signal)];
    has_control_ = stable.count >= settings_.min_clients;
    const v1::RolloutCheck* before = earlier(signal);
    if (!has_control_ && before != nullptr && before->stable_clients() >= settings_.min_clients) {
      check.set_stable(before->stable());
      check.set_stable_clients(before->stable_clients());
      stable = {is_time(signal) ? std::log(std::max(before->stable(), 1.0)) : before->stable(), 0,
                0};
      has_control_ = input_.status.weight() > kHalf;
      return stable;
    }
    if (!has_control_ && input_.status.weight() > kHalf && is_bad_by_itself(signal)) {
      has_control_ = true;
      return {};
    }
    check.set_stable(shown(signal, stable.mean));
    check.set_stable_clients(stable.count);
    return stable;
  }

  void test(Signal signal, const Moments& candidate, const Moments& stable,
            v1::RolloutCheck& check) const {
    const double bound = is_time(signal) ? std::log1p(settings_.slower_by) : settings_.max_excess;
    const double p_value = welch_p_value(candidate, stable, bound);
    check.set_p_value(std::min(1.0, p_value * kSignals));
    const bool exceeds = candidate.mean - stable.mean > bound;
    check.set_result(check.p_value() < kFailureProbability ? kFail : exceeds ? kNoData : kPass);
    check.set_message(absl::StrFormat(
        "%s, stable pool %s, at most %s%.0f %%%s", value_text(signal, candidate.mean),
        value_text(signal, stable.mean), is_time(signal) ? "longer by " : "+", 100 * check.bound(),
        check.result() == kNoData ? "; may still be chance" : ""));
  }

  const AnalysisInput& input_;
  const AnalysisSettings& settings_;
  Cohort candidate_;
  Cohort stable_;
  mutable bool has_control_ = false;  // of the check that is being judged
};

Result combine(const std::vector<Judged>& judged) {
  Result result = judged.empty() ? kNoData : kPass;
  for (const Judged& one : judged) {
    if (one.check.result() == kFail) return kFail;
    if (one.check.result() == kNoData && one.counts) result = kNoData;
  }
  return result;
}

}  // namespace

AnalysisSettings settings_of(const v1::RolloutAnalysis& spec) {
  AnalysisSettings settings;
  settings.window = spec.has_window() ? duration_from(spec.window()) : absl::Seconds(30);
  settings.age = spec.has_age() ? duration_from(spec.age()) : absl::Seconds(3);
  settings.max_excess = (spec.has_max_excess() ? spec.max_excess() : 50'000) / 1e6;
  settings.slower_by = (spec.has_slower_by() ? spec.slower_by() : 100) / 1e2;
  settings.min_clients = std::max<uint64_t>(spec.has_min_clients() ? spec.min_clients() : 10, 2);
  return settings;
}

v1::RolloutVerdict analyse(const AnalysisInput& input) {
  const AnalysisSettings settings = settings_of(input.spec);
  std::vector<Judged> judged;
  size_t evidence = 0;
  if (input.sees_flows) {
    const Comparison comparison(input, settings);
    for (size_t i = 0; i < kSignals; ++i)
      judged.push_back(comparison.judge(static_cast<Signal>(i)));
    evidence += kSignals;
  }
  for (const v1::RolloutMetric& metric : input.spec.metrics()) {
    const auto reading = input.metrics.find(metric.name());
    judged.push_back({metric_check(
        metric, reading == input.metrics.end() ? nullptr : &reading->second, input.now)});
    ++evidence;
  }
  if (!input.health.name().empty()) judged.push_back({input.health});

  v1::RolloutVerdict verdict;
  *verdict.mutable_time() = to_timestamp(input.now);
  verdict.set_result(combine(judged));
  // Health alone says that the candidate answers its probes, not that it serves.
  if (evidence == 0 && verdict.result() == kPass) verdict.set_result(kNoData);
  for (Judged& one : judged)
    *verdict.add_checks() = std::move(one.check);
  return verdict;
}

}  // namespace sluice::controlplane

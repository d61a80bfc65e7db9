// SPDX-License-Identifier: Apache-2.0
//
// Windows of handshakes and first responses against moving averages.
#include "dataplane/daemon/degradation.h"

#include <algorithm>

namespace sluice::dataplane {
namespace {

constexpr uint64_t kAll = 1'000'000;
constexpr uint32_t kWindowsToEnter = 2;
constexpr uint32_t kWindowsToLeave = 3;
// Doubling ends here: a pool that keeps failing is tried every 48 windows, 24 minutes by default.
constexpr uint32_t kWindowsToLeaveMax = 48;
// After so many windows without a worse one, an earlier failure is forgotten.
constexpr uint32_t kWindowsToForget = 10;
// An average over about eight windows: long beside a window, short beside a working day.
constexpr int64_t kAverageWindows = 8;
// Responses are those of a sample, whose size does not follow `min_flows`: so many make a mean.
constexpr uint64_t kResponsesMin = 30;

uint64_t moved_towards(uint64_t average, uint64_t value) {
  const auto from = static_cast<int64_t>(average);
  return static_cast<uint64_t>(from + (static_cast<int64_t>(value) - from) / kAverageWindows);
}

// 0: there is none.
uint64_t mean(uint64_t sum, uint64_t count) {
  return count == 0 ? 0 : sum / count;
}

// Of times, 0 is none.
bool is_slower(uint64_t us, uint64_t usual_us, uint32_t percent_max) {
  return us != 0 && usual_us != 0 && percent_max != DegradedBound::kNotJudged &&
         us * 100 > usual_us * (uint64_t{100} + percent_max);
}

void learn(uint64_t us, uint64_t& usual_us) {
  if (us != 0) usual_us = usual_us == 0 ? us : moved_towards(usual_us, us);
}

bool is_less_anywhere(const OpeningSums& now, const OpeningSums& before) {
  return now.begun < before.begun || now.completed < before.completed ||
         now.handshake_us < before.handshake_us || now.responses < before.responses ||
         now.response_us < before.response_us;
}

}  // namespace

bool DegradationJudge::judge(const OpeningSums& sums, const DegradedBound& bound, int64_t now_ms) {
  const bool has_gone_back = is_less_anywhere(sums, at_begin_);
  if (!has_begun_ || has_gone_back) {
    has_begun_ = true;
    at_begin_ = sums;
    begin_ms_ = now_ms;
    return is_degraded_;
  }
  if (now_ms - begin_ms_ < bound.window_ms) return is_degraded_;
  enter_or_leave(look_at(sums, bound));
  at_begin_ = sums;
  begin_ms_ = now_ms;
  return is_degraded_;
}

// What no bound is stated for, and what too few flows show, says nothing.
DegradationJudge::Window DegradationJudge::look_at(const OpeningSums& sums,
                                                   const DegradedBound& bound) {
  const uint64_t begun = sums.begun - at_begin_.begun;
  const uint64_t responses = sums.responses - at_begin_.responses;
  const bool has_flows = begun >= bound.flows_min;
  const bool shows_handshakes = bound.judges_handshakes() && has_flows;
  const bool shows_responses = bound.judges_responses() && has_flows &&
                               responses >= std::min(bound.flows_min, kResponsesMin);
  if (!shows_handshakes && !shows_responses) return Window::kSilent;
  // Some began in the window before.
  const uint64_t completed = std::min(sums.completed - at_begin_.completed, begun);
  const uint64_t loss = shows_handshakes ? (begun - completed) * kAll / begun : 0;
  const uint64_t handshake_us = shows_handshakes ? mean(sums.handshake_us - at_begin_.handshake_us,
                                                        sums.completed - at_begin_.completed)
                                                 : 0;
  const uint64_t response_us =
      shows_responses ? mean(sums.response_us - at_begin_.response_us, responses) : 0;
  const bool loses_more = knows_usual_loss_ &&
                          bound.handshake_loss_max != DegradedBound::kNotJudged &&
                          loss > usual_loss_ + bound.handshake_loss_max;
  if (loses_more || is_slower(handshake_us, usual_handshake_us_, bound.slower_by_max) ||
      is_slower(response_us, usual_response_us_, bound.response_slower_by_max))
    return Window::kWorse;
  if (shows_handshakes) {
    usual_loss_ = knows_usual_loss_ ? moved_towards(usual_loss_, loss) : loss;
    knows_usual_loss_ = true;
  }
  learn(handshake_us, usual_handshake_us_);
  learn(response_us, usual_response_us_);
  return Window::kUsual;
}

void DegradationJudge::enter_or_leave(Window window) {
  if (window == Window::kWorse) {
    other_windows_ = 0;
    ++worse_windows_;
    if (!is_degraded_ && worse_windows_ >= kWindowsToEnter) is_degraded_ = true;
    return;
  }
  if (!is_degraded_ && window == Window::kSilent) return;
  worse_windows_ = 0;
  ++other_windows_;
  if (is_degraded_ && other_windows_ >= windows_to_leave_) {
    is_degraded_ = false;
    other_windows_ = 0;
    windows_to_leave_ = std::min(windows_to_leave_ * 2, kWindowsToLeaveMax);
  } else if (!is_degraded_ && other_windows_ >= kWindowsToForget) {
    windows_to_leave_ = kWindowsToLeave;
  }
}

bool Degradation::is_asked_for(const Table& table) {
  return std::ranges::any_of(
      table.routes, [](const Route& route) { return route.degraded_bound.window_ms != 0; });
}

std::set<RoutePool> Degradation::judge(const Table& table,
                                       std::span<const TargetCounterValues> counters,
                                       int64_t now_ms) {
  std::set<RoutePool> degraded;
  std::map<RoutePool, DegradationJudge> kept;
  for (const Route& route : table.routes) {
    if (route.degraded_bound.window_ms == 0) continue;
    for (const Route::PoolUse& use : std::span(route.uses).first(route.split_count)) {
      OpeningSums sums;
      for (const TargetId target : use.targets) {
        if (target.value >= counters.size()) continue;  // given since they were read
        const TargetCounterValues& values = counters[target.value];
        sums.begun += values.handshakes_begun;
        sums.completed += values.handshakes_completed;
        sums.handshake_us += values.handshake_us;
        sums.responses += values.responses;
        sums.response_us += values.response_us;
      }
      RoutePool key{route.name, table.pools[use.pool.value].name};
      DegradationJudge& judge = kept[key] = judges_[key];
      if (judge.judge(sums, route.degraded_bound, now_ms)) degraded.insert(std::move(key));
    }
  }
  judges_ = std::move(kept);
  return degraded;
}

}  // namespace sluice::dataplane

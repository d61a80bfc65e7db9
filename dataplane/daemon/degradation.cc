// SPDX-License-Identifier: Apache-2.0
//
// Windows of handshakes against a moving average.
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

uint64_t moved_towards(uint64_t average, uint64_t value) {
  const auto from = static_cast<int64_t>(average);
  return static_cast<uint64_t>(from + (static_cast<int64_t>(value) - from) / kAverageWindows);
}

}  // namespace

bool DegradationJudge::judge(const HandshakeSums& sums, const DegradedBound& bound,
                             int64_t now_ms) {
  const bool has_gone_back = sums.begun < at_begin_.begun || sums.completed < at_begin_.completed ||
                             sums.us < at_begin_.us;
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

DegradationJudge::Window DegradationJudge::look_at(const HandshakeSums& sums,
                                                   const DegradedBound& bound) {
  const uint64_t begun = sums.begun - at_begin_.begun;
  // Some began in the window before.
  const uint64_t completed = std::min(sums.completed - at_begin_.completed, begun);
  if (begun < bound.flows_min) return Window::kSilent;
  const uint64_t loss = (begun - completed) * kAll / begun;
  const uint64_t us =
      completed == 0 ? 0 : (sums.us - at_begin_.us) / (sums.completed - at_begin_.completed);
  const bool loses_more = knows_usual_ && bound.handshake_loss_max != DegradedBound::kNotJudged &&
                          loss > usual_loss_ + bound.handshake_loss_max;
  const bool is_slower = usual_us_ != 0 && us != 0 &&
                         bound.slower_by_max != DegradedBound::kNotJudged &&
                         us * 100 > usual_us_ * (uint64_t{100} + bound.slower_by_max);
  if (loses_more || is_slower) return Window::kWorse;
  usual_loss_ = knows_usual_ ? moved_towards(usual_loss_, loss) : loss;
  if (us != 0) usual_us_ = usual_us_ == 0 ? us : moved_towards(usual_us_, us);
  knows_usual_ = true;
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
      HandshakeSums sums;
      for (const TargetId target : use.targets) {
        if (target.value >= counters.size()) continue;  // given since they were read
        const TargetCounterValues& values = counters[target.value];
        sums.begun += values.handshakes_begun;
        sums.completed += values.handshakes_completed;
        sums.us += values.handshake_us;
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

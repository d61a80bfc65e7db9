// SPDX-License-Identifier: Apache-2.0
//
// Whether a pool that is up does worse than in its own recent past, by the handshakes and first
// responses that this node sees: a pure function of counters and time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "dataplane/runtime/runtime.h"
#include "dataplane/table/table.h"

namespace sluice::dataplane {

using RoutePool = std::pair<std::string, std::string>;  // a route with a pool of its split

// What was counted since the node started, of flows that began with a SYN.
struct OpeningSums {
  uint64_t begun = 0;
  uint64_t completed = 0;     // handshakes
  uint64_t handshake_us = 0;  // of the completed ones
  uint64_t responses = 0;     // awaited, of a sample of flows
  uint64_t response_us = 0;   // of these
};

// Judges one pool for one route, window by window. Two windows that are worse than the bound allows
// make it degraded, three that are not end that. Only windows that are not worse teach what is
// usual. A degraded pool gets few flows or none: a window that says nothing counts as one that is
// not worse, so that the pool is tried again; when it fails again, that takes twice as long.
class DegradationJudge {
 public:
  // Whether the pool is degraded.  Shape: sums and time do not go back; where sums do, a target has
  // begun anew and so does the window.  Units: monotonic ms.
  bool judge(const OpeningSums& sums, const DegradedBound& bound, int64_t now_ms);

 private:
  enum class Window : uint8_t { kSilent, kUsual, kWorse };
  Window look_at(const OpeningSums& sums, const DegradedBound& bound);
  void enter_or_leave(Window window);

  OpeningSums at_begin_;
  int64_t begin_ms_ = 0;
  bool has_begun_ = false;
  bool knows_usual_loss_ = false;
  uint64_t usual_loss_ = 0;          // of 1000000
  uint64_t usual_handshake_us_ = 0;  // 0: not known yet; likewise the next
  uint64_t usual_response_us_ = 0;
  uint32_t worse_windows_ = 0;
  uint32_t other_windows_ = 0;  // in a row, since the last worse one
  uint32_t windows_to_leave_ = 3;
  bool is_degraded_ = false;
};

// Every route that asks for it, with every pool of its split.
class Degradation {
 public:
  static bool is_asked_for(const Table& table);
  // Shape: `counters` by TargetId.
  std::set<RoutePool> judge(const Table& table, std::span<const TargetCounterValues> counters,
                            int64_t now_ms);

 private:
  std::map<RoutePool, DegradationJudge> judges_;
};

}  // namespace sluice::dataplane

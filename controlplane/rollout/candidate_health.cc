// SPDX-License-Identifier: Apache-2.0
//
// Whether the candidate has `min_up` backends on every node that answers.
#include "controlplane/rollout/candidate_health.h"

#include "absl/strings/str_cat.h"

namespace sluice::controlplane {
namespace {

// A node that gets the pool with a new table has to probe it first, which takes about a second.
constexpr absl::Duration kPatience = absl::Seconds(3);

uint64_t count_up(const v1::GetStatusResponse& status, const std::string& pool) {
  uint64_t up = 0;
  for (const v1::BackendStatus& backend : status.backends())
    up += backend.pool() == pool && backend.state() == v1::BACKEND_STATE_UP ? 1 : 0;
  return up;
}

}  // namespace

v1::RolloutCheck CandidateHealth::look(const v1::Pool& pool, std::span<const v1::NodeEntry> nodes,
                                       absl::Time now) {
  v1::RolloutCheck check;
  check.set_name("min_up");
  check.set_p_value(1);
  check.set_result(v1::RolloutVerdict::RESULT_NO_DATA);
  check.set_message("no node answers");
  const uint64_t min_up = pool.spec().has_min_up() ? pool.spec().min_up() : 1;
  check.set_bound(static_cast<double>(min_up));
  bool is_below = false;
  for (const v1::NodeEntry& node : nodes) {
    // A node that is behind has not been told of the pool.
    const bool is_current = node.connected() && node.target_generation() != 0 &&
                            node.status().generation() == node.target_generation();
    if (!is_current) {
      below_since_.erase(node.name());
      continue;
    }
    const uint64_t up = count_up(node.status(), pool.metadata().name());
    if (up >= min_up) {
      below_since_.erase(node.name());
      if (is_below) continue;
      check.set_result(v1::RolloutVerdict::RESULT_PASS);
      check.set_candidate(static_cast<double>(up));
      check.clear_message();
      continue;
    }
    const absl::Time since = below_since_.try_emplace(node.name(), now).first->second;
    const bool fails = now - since >= kPatience;
    if (is_below && !fails) continue;
    is_below = true;
    check.set_result(fails ? v1::RolloutVerdict::RESULT_FAIL : v1::RolloutVerdict::RESULT_NO_DATA);
    check.set_candidate(static_cast<double>(up));
    check.set_message(absl::StrCat(up, " of ", pool.spec().backends_size(), " backends up on ",
                                   node.name(), ", min_up is ", min_up));
    if (fails) return check;
  }
  return check;
}

}  // namespace sluice::controlplane

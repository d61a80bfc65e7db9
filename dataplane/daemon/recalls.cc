// SPDX-License-Identifier: Apache-2.0
//
// Follows recalls and adds up what became of them.
#include "dataplane/daemon/recalls.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace sluice::dataplane {
namespace {

std::vector<uint64_t> flows_recalled(const Cores& cores, uint32_t targets_end) {
  std::vector<uint64_t> cut;
  for (const TargetCounterValues& values : cores.target_counters(targets_end))
    cut.push_back(values.flows_recalled);
  return cut;
}

google::protobuf::Timestamp timestamp(int64_t unix_ms) {
  google::protobuf::Timestamp time;
  time.set_seconds(unix_ms / 1000);
  time.set_nanos(static_cast<int32_t>(unix_ms % 1000 * 1'000'000));
  return time;
}

// Sorted.
std::vector<BackendId> recalled_of(const std::vector<JudgedBackend>& judged) {
  std::vector<BackendId> recalled;
  for (const JudgedBackend& backend : judged) {
    if (backend.state == BackendState::kRecalled) recalled.push_back(backend.id);
  }
  std::sort(recalled.begin(), recalled.end());
  return recalled;
}

}  // namespace

void Recalls::follow(const v1::ForwardingTable& message, const std::vector<JudgedBackend>& judged,
                     const Cores& cores, uint32_t targets_end, int64_t now_unix_ms) {
  std::vector<BackendId> recalled = recalled_of(judged);
  // What was recalled before has been swept, or is being swept, by the same number.
  const bool is_more =
      !std::includes(recalled_.begin(), recalled_.end(), recalled.begin(), recalled.end());
  if (is_more) ++number_;
  recalled_ = std::move(recalled);

  std::vector<ActiveRecall> active;
  std::shared_ptr<const std::vector<uint64_t>> cut_before;
  for (const v1::Override& entry : message.overrides()) {
    if (entry.state() != v1::Override::STATE_RECALLED) continue;
    const auto known = std::find_if(active_.begin(), active_.end(), [&](const ActiveRecall& old) {
      return old.pool == entry.pool() && old.backend == entry.backend();
    });
    if (known != active_.end()) {
      active.push_back(*known);
    } else {
      if (cut_before == nullptr) {
        cut_before =
            std::make_shared<const std::vector<uint64_t>>(flows_recalled(cores, targets_end));
      }
      active.push_back({entry.pool(), entry.backend(), number_, now_unix_ms, cut_before});
    }
    active.back().number = number_;
  }
  active_ = std::move(active);
}

std::vector<v1::RecallStatus> recall_status(const std::vector<ActiveRecall>& recalls,
                                            const std::vector<v1::BackendStatus>& backends,
                                            const Cores& cores, const Registry& registry) {
  std::vector<v1::RecallStatus> statuses;
  if (recalls.empty()) return statuses;
  std::set<std::tuple<std::string, std::string>> present;  // pool, address bytes
  for (const v1::BackendStatus& backend : backends)
    present.emplace(backend.pool(), backend.address());
  // Before the counters of flows: who has swept by now has counted what it cut.
  uint64_t swept = UINT64_MAX;
  for (const LcoreCounterValues& values : cores.counters())
    swept = std::min(swept, values.swept_recall);
  const std::vector<TargetCounterValues> targets = cores.target_counters(registry.target_count());

  for (const ActiveRecall& recall : recalls) {
    v1::RecallStatus& status = statuses.emplace_back();
    uint64_t cut = 0;
    uint64_t residual = 0;
    for (const auto& [id, address] : registry.targets_of(recall.pool, recall.backend)) {
      if (id.value >= targets.size()) continue;  // a table that is being built has given it
      const TargetCounterValues& values = targets[id.value];
      const bool was_there = id.value < recall.cut_before->size();
      cut += values.flows_recalled - (was_there ? (*recall.cut_before)[id.value] : 0);
      if (present.contains({recall.pool, address.to_bytes()}))
        residual += values.flows_opened - values.flows_ended;
    }
    status.set_pool(recall.pool);
    status.set_backend(recall.backend);
    status.set_flows_cut(cut);
    status.set_residual(residual);
    status.set_is_swept(swept >= recall.number);
    *status.mutable_since() = timestamp(recall.since_unix_ms);
  }
  return statuses;
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The controller's /metrics.
#include "controlplane/console/controller_metrics.h"

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::controlplane {
namespace {

constexpr double kWholeWeight = 1e6;

// "up" of BACKEND_STATE_UP.
std::string word_of(const std::string& name, const char* prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

std::string label_of(const v1::Pool& pool, const std::string& key) {
  const auto found = pool.metadata().labels().find(key);
  return found == pool.metadata().labels().end() ? "" : found->second;
}

void add_nodes(MetricPage& page, std::span<const v1::NodeEntry> nodes) {
  page.gauge("sluice_node_connected", "1: the node answers the controller.");
  for (const v1::NodeEntry& node : nodes)
    page.add({{"node", node.name()}}, node.connected() ? 1 : 0);
  page.gauge("sluice_node_generation", "Generation of the forwarding table that the node runs.");
  for (const v1::NodeEntry& node : nodes)
    page.add({{"node", node.name()}}, static_cast<double>(node.status().generation()));
  page.gauge("sluice_node_flows", "Flows in the node's flow tables.");
  for (const v1::NodeEntry& node : nodes)
    page.add({{"node", node.name()}}, static_cast<double>(node.status().flows()));
  page.gauge("sluice_node_pending_records", "Flow records of the node that are not here yet.");
  for (const v1::NodeEntry& node : nodes)
    page.add({{"node", node.name()}}, static_cast<double>(node.status().records_pending()));
}

void add_backends(MetricPage& page, std::span<const v1::NodeEntry> nodes) {
  std::map<std::pair<std::string, std::string>, uint64_t> backends;  // by pool and state
  page.gauge("sluice_pool_backends", "Backends of a pool as a node sees them, by their state.");
  for (const v1::NodeEntry& node : nodes) {
    backends.clear();
    for (const v1::BackendStatus& backend : node.status().backends()) {
      ++backends[{backend.pool(),
                  word_of(v1::BackendState_Name(backend.state()), "BACKEND_STATE_")}];
    }
    for (const auto& [key, count] : backends) {
      page.add({{"node", node.name()}, {"pool", key.first}, {"state", key.second}},
               static_cast<double>(count));
    }
  }
}

void add_policy(MetricPage& page, const ControllerState& state) {
  page.gauge("sluice_pool_info", "1, with what guardrails and routes know of the pool.");
  for (const v1::Pool& pool : state.policy->pools()) {
    page.add({{"pool", pool.metadata().name()},
              {"model", label_of(pool, "model")},
              {"version", label_of(pool, "version")},
              {"jurisdiction", label_of(pool, "jurisdiction")}},
             1);
  }
  page.gauge("sluice_override", "1: an operator asked for this drain or recall.");
  for (const v1::Override& override : state.overrides) {
    page.add({{"pool", override.pool()},
              {"backend", override.backend()},
              {"state", word_of(v1::Override::State_Name(override.state()), "STATE_")}},
             1);
  }
}

void add_rollouts(MetricPage& page, std::span<const v1::RolloutStatus> rollouts) {
  page.gauge("sluice_rollout_ratio", "The candidate's part of the stable pool's share, in force.");
  for (const v1::RolloutStatus& rollout : rollouts)
    page.add({{"rollout", rollout.rollout()}}, rollout.weight() / kWholeWeight);
  page.gauge("sluice_rollout_phase", "1, with the phase that the rollout is in.");
  for (const v1::RolloutStatus& rollout : rollouts) {
    page.add({{"rollout", rollout.rollout()},
              {"phase", word_of(v1::RolloutPhase_Name(rollout.phase()), "ROLLOUT_PHASE_")}},
             1);
  }
}

// Client prefixes have no bound, and are in the events.
void add_patterns(MetricPage& page, std::span<const SeriesScore> patterns) {
  const auto add = [&](const auto& value_of) {
    for (const SeriesScore& score : patterns) {
      if (score.subject.kind == SubjectKind::kClientPrefix) continue;
      page.add({{"kind", std::string(subject_kind_name(score.subject.kind))},
                {"subject", score.subject.name},
                {"metric", std::string(metric_name(score.metric))},
                {"direction", std::string(direction_name(score.direction))}},
               value_of(score));
    }
  };
  page.gauge("sluice_pattern_score",
             "How far what deviates from the usual does; 1: an anomaly begins.");
  add([](const SeriesScore& score) { return score.score; });
  page.gauge("sluice_pattern_active", "1: an anomaly is under way.");
  add([](const SeriesScore& score) { return score.is_active ? 1 : 0; });
}

}  // namespace

MetricFamilies controller_metrics(const ControllerState& state, const FlowStatistics& flows) {
  MetricPage page;
  page.gauge("sluice_build_info", "1, with the version of the program.");
  page.add({{"version", state.version}}, 1);
  page.gauge("sluice_policy_revision", "Revision of the policy in force; 0: none.");
  page.add(static_cast<double>(state.revision));
  page.gauge("sluice_table_generation", "Generation of the forwarding table in force; 0: none.");
  page.add(static_cast<double>(state.generation));
  add_nodes(page, state.nodes);
  add_backends(page, state.nodes);
  if (state.policy != nullptr) add_policy(page, state);
  add_rollouts(page, state.rollouts);
  add_patterns(page, state.patterns);
  flows.write(page);
  return std::move(page).finish();
}

}  // namespace sluice::controlplane

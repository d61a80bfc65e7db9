// SPDX-License-Identifier: Apache-2.0
//
// What a plan does to clients, live flows and guardrails.
#include "absl/time/time.h"
#include "controlplane/cli/render/plan.h"
#include "controlplane/cli/render/text.h"
#include "fmt/format.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

constexpr double kWhole = 1'000'000;

std::string build_time(const v1::NodeEffect& node) {
  const absl::Duration time =
      absl::Seconds(node.build_time().seconds()) + absl::Nanoseconds(node.build_time().nanos());
  // Three digits say enough.
  return absl::FormatDuration(absl::Trunc(
      time, time < absl::Milliseconds(1) ? absl::Microseconds(1) : absl::Milliseconds(1)));
}

void print_node(std::ostream& out, const v1::NodeEffect& node) {
  if (!node.error().empty()) {
    fmt::print(out, "  node {}: not known: {}\n", node.node(), printable(node.error()));
    return;
  }
  const v1::FlowEffects& effects = node.effects();
  fmt::print(
      out,
      "  node {}: {} live flows: {} move, {} are refused, {} stay though new ones would go to "
      "another pool or backend; table {} bytes, built in {}\n",
      node.node(), effects.flows(), effects.moved(), effects.revoked(), effects.resteered(),
      count_text(static_cast<double>(node.memory_bytes())), build_time(node));
}

}  // namespace

void print_strikes(std::ostream& out, const v1::PlanResponse& plan) {
  for (const v1::Strike& strike : plan.struck()) {
    fmt::print(out, "struck: pool {} of route {} for class {} at service {}: Guardrail/{}: {}\n",
               strike.pool(), strike.route(), strike.client_class(), strike.service(),
               strike.guardrail(), strike.reason());
  }
}

void print_governance(std::ostream& out, const v1::PlanResponse& plan) {
  if (!plan.moved().empty()) out << "\nClients whose new flows go elsewhere:\n";
  for (const v1::MovedClients& moved : plan.moved()) {
    fmt::print(out, "  class {} at service {}: {}\n", moved.client_class(), moved.service(),
               percent_text(moved.moved(), kWhole));
  }
  for (const std::string& pool : plan.emptied_pools())
    fmt::print(out, "Pool/{} gets no new flows any more\n", pool);
  if (!plan.nodes().empty()) out << "\nLive flows:\n";
  for (const v1::NodeEffect& node : plan.nodes())
    print_node(out, node);
  print_strikes(out, plan);
  for (const v1::GuardrailTouch& touch : plan.guardrails()) {
    fmt::print(out, "\nTouches Guardrail/{}, approvals: {}\n", touch.guardrail(),
               touch.approvals());
    for (const std::string& reason : touch.reasons())
      fmt::print(out, "  {}\n", reason);
  }
  if (plan.approvals() > 0) fmt::print(out, "\nNeeds approvals of others: {}\n", plan.approvals());
}

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Monitoring guardrails at work: which of the flows that nodes record they would have refused.
#include "controlplane/service/guardrail_monitor.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/service/step_event.h"

namespace sluice::controlplane {
namespace {

constexpr char kKind[] = "would-refuse";
// Of one guardrail: as many revisions as are asked about at once.
constexpr uint32_t kEventsRead = 1000;

}  // namespace

absl::Status GuardrailMonitor::mark(v1::FlowRecord& record) {
  const absl::MutexLock lock(&mutex_);
  const absl::StatusOr<Judge*> judge = judge_of(record.revision());
  if (!judge.ok()) return judge.status();
  if (*judge == nullptr || (*judge)->would_refuse == nullptr) return absl::OkStatus();
  const std::vector<std::string> guardrails =
      (*judge)->would_refuse->names(record.service(), record.client_class(), record.pool());
  for (const std::string& guardrail : guardrails) {
    if ((*judge)->told.contains(guardrail)) continue;
    if (absl::Status status = tell(record, guardrail); !status.ok()) return status;
    (*judge)->told.insert(guardrail);
  }
  *record.mutable_would_refuse() = {guardrails.begin(), guardrails.end()};
  return absl::OkStatus();
}

absl::StatusOr<GuardrailMonitor::Judge*> GuardrailMonitor::judge_of(uint64_t revision) {
  const auto known = std::find_if(judges_.begin(), judges_.end(), [revision](const Judge& judge) {
    return judge.revision == revision;
  });
  if (known != judges_.end()) {
    std::rotate(judges_.begin(), known, known + 1);
    return &judges_.front();
  }
  Judge judge;
  judge.revision = revision;
  const absl::StatusOr<v1::Policy> policy = store_.policy_of(revision);
  if (absl::IsNotFound(policy.status())) return nullptr;
  if (absl::IsDataLoss(policy.status())) {
    // It will not come back, and records are worth more than their marks.
    spdlog::error("records of revision {} stay unmarked: {}", revision,
                  std::string(policy.status().message()));
  } else if (!policy.ok()) {
    return policy.status();
  } else if (is_monitored(*policy)) {
    judge.would_refuse = std::make_unique<const WouldRefuse>(*policy, client_sets(*policy));
  }
  if (judges_.size() == kRevisionsKept) judges_.pop_back();
  judges_.insert(judges_.begin(), std::move(judge));
  return &judges_.front();
}

absl::Status GuardrailMonitor::tell(const v1::FlowRecord& record, const std::string& guardrail) {
  v1::ListEventsRequest earlier;  // of before a restart
  earlier.set_kind(kKind);
  earlier.set_target("guardrail/" + guardrail);
  earlier.set_limit(kEventsRead);
  const absl::StatusOr<std::vector<v1::Event>> events = events_.list(earlier);
  if (!events.ok()) return events.status();
  const bool is_told = std::any_of(events->begin(), events->end(), [&](const v1::Event& event) {
    return event.revision() == record.revision();
  });
  if (is_told) return absl::OkStatus();
  v1::Event event = step_event(
      kKind, kController,
      absl::StrCat("the first flow under revision ", record.revision(), " that Guardrail/",
                   guardrail, " would have refused: class ", record.client_class(), " to pool ",
                   record.pool(), " of service ", record.service()));
  event.set_target(earlier.target());
  event.set_revision(record.revision());
  event.set_generation(record.generation());
  auto& details = *event.mutable_details();
  details["node"] = record.node();
  details["flow"] = absl::StrCat(record.flow_id(), ".", record.part());
  details["route"] = record.route();
  return events_.append(std::move(event));
}

}  // namespace sluice::controlplane

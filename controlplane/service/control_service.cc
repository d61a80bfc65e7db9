// SPDX-License-Identifier: Apache-2.0
//
// The Control service's questions, and what all of its handlers share.
#include "controlplane/service/control_service.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/planner/diff.h"
#include "controlplane/planner/would_refuse.h"
#include "controlplane/service/explain_at.h"
#include "controlplane/service/refusal.h"

namespace sluice::controlplane {
namespace {

constexpr uint32_t kRevisionsDefault = 20;
constexpr uint32_t kRevisionsMax = 10'000;
constexpr char kNotice[] = "sluice-notice";  // in the trailing metadata of every answer

template <typename Response>
grpc::Status answer(absl::StatusOr<Response> result, Response* response) {
  if (!result.ok()) return reply(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

// Metadata is ASCII; people's words may be anything.
std::string ascii(std::string text) {
  for (char& letter : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(letter))) letter = '?';
  }
  return text;
}

}  // namespace

absl::StatusOr<Caller> ControlService::admit(grpc::ServerContext* context, v1::Role needed,
                                             std::string_view deed) const {
  const Caller caller = parts_.caller(context);
  const std::shared_ptr<const InForce> running = parts_.changes.running();
  if (absl::Status status = require_role(caller, needed, deed); !status.ok()) return status;
  if (context != nullptr && running->waiting) {
    context->AddTrailingMetadata(kNotice, ascii(notice_of(*running->waiting)));
  }
  return caller;
}

grpc::Status ControlService::Plan(grpc::ServerContext* context, const v1::PlanRequest* request,
                                  v1::PlanResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "plan");
  if (!caller.ok()) return reply(caller.status());
  return answer(parts_.changes.plan(request->change()), response);
}

absl::Status ControlService::add_would_refuse(v1::GetPolicyResponse& response) const {
  if (!is_monitored(response.policy())) return absl::OkStatus();
  const absl::StatusOr<std::vector<v1::WouldRefuse>> counts =
      parts_.records.would_refuse(response.revision());
  if (!counts.ok()) return counts.status();
  std::map<std::string, v1::WouldRefuse> monitors;
  for (const v1::Guardrail& guardrail : response.policy().guardrails()) {
    if (mode_of(guardrail) != GuardrailMode::kMonitor) continue;
    monitors[guardrail.metadata().name()].set_guardrail(guardrail.metadata().name());
  }
  for (const v1::WouldRefuse& count : *counts) {
    const auto monitor = monitors.find(count.guardrail());
    if (monitor != monitors.end()) monitor->second = count;
  }
  for (auto& [name, monitor] : monitors)
    *response.add_would_refuse() = std::move(monitor);
  return absl::OkStatus();
}

grpc::Status ControlService::GetPolicy(grpc::ServerContext* context,
                                       const v1::GetPolicyRequest* request,
                                       v1::GetPolicyResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read the policy");
  if (!caller.ok()) return reply(caller.status());
  const std::shared_ptr<const InForce> running = parts_.changes.running();
  const uint64_t revision = request->revision() == 0 ? running->revision : request->revision();
  if (revision == running->revision) {
    *response->mutable_policy() = *running->policy;
  } else {
    absl::StatusOr<v1::Policy> policy = parts_.store.policy_of(revision);
    if (!policy.ok()) return reply(policy.status());
    *response->mutable_policy() = *std::move(policy);
  }
  response->set_revision(revision);
  response->set_generation(running->generation);
  *response->mutable_overrides() = {running->overrides.begin(), running->overrides.end()};
  *response->mutable_struck() = {running->struck.begin(), running->struck.end()};
  return reply(add_would_refuse(*response));
}

grpc::Status ControlService::ListRevisions(grpc::ServerContext* context,
                                           const v1::ListRevisionsRequest* request,
                                           v1::ListRevisionsResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read the history");
  if (!caller.ok()) return reply(caller.status());
  const uint32_t limit = request->limit() == 0 ? kRevisionsDefault : request->limit();
  const absl::StatusOr<std::vector<v1::RevisionEntry>> entries =
      parts_.store.list(std::min(limit, kRevisionsMax));
  if (!entries.ok()) return reply(entries.status());
  *response->mutable_revisions() = {entries->begin(), entries->end()};
  if (!request->with_diff()) return grpc::Status::OK;
  for (v1::RevisionEntry& entry : *response->mutable_revisions()) {
    absl::StatusOr<v1::Policy> before = v1::Policy();
    if (entry.revision() > 1) before = parts_.store.policy_of(entry.revision() - 1);
    if (!before.ok()) return reply(before.status());
    const absl::StatusOr<v1::Policy> after = parts_.store.policy_of(entry.revision());
    if (!after.ok()) return reply(after.status());
    ObjectNames touched = all_objects(*before);
    add_names(all_objects(*after), touched);
    const std::vector<v1::ObjectDiff> diff = diff_policies(*before, *after, touched);
    *entry.mutable_diff() = {diff.begin(), diff.end()};
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::ListChanges(grpc::ServerContext* context,
                                         const v1::ListChangesRequest* request,
                                         v1::ListChangesResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read the changes");
  if (!caller.ok()) return reply(caller.status());
  if (request->id() != 0) {
    absl::StatusOr<v1::PendingChange> change = parts_.changes.approvals().find(request->id());
    if (!change.ok()) return reply(change.status());
    *response->add_changes() = *std::move(change);
    return grpc::Status::OK;
  }
  const absl::StatusOr<std::vector<v1::PendingChange>> changes = parts_.changes.approvals().list(
      request->all() ? ChangeStore::Which::kAll : ChangeStore::Which::kPending);
  if (!changes.ok()) return reply(changes.status());
  *response->mutable_changes() = {changes->begin(), changes->end()};
  return grpc::Status::OK;
}

grpc::Status ControlService::ListRecalls(grpc::ServerContext* context,
                                         const v1::ListRecallsRequest*,
                                         v1::ListRecallsResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read the recalls");
  if (!caller.ok()) return reply(caller.status());
  const absl::StatusOr<std::vector<v1::RecallCertificate>> recalls = parts_.recalls.list();
  if (!recalls.ok()) return reply(recalls.status());
  *response->mutable_recalls() = {recalls->begin(), recalls->end()};
  return grpc::Status::OK;
}

grpc::Status ControlService::ListEvents(grpc::ServerContext* context,
                                        const v1::ListEventsRequest* request,
                                        v1::ListEventsResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read the events");
  if (!caller.ok()) return reply(caller.status());
  const absl::StatusOr<std::vector<v1::Event>> events = parts_.events.list(*request);
  if (!events.ok()) return reply(events.status());
  *response->mutable_events() = {events->begin(), events->end()};
  return grpc::Status::OK;
}

grpc::Status ControlService::ListNodes(grpc::ServerContext* context, const v1::ListNodesRequest*,
                                       v1::ListNodesResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "list the nodes");
  if (!caller.ok()) return reply(caller.status());
  const std::vector<v1::NodeEntry> nodes = parts_.fleet.nodes();
  *response->mutable_nodes() = {nodes.begin(), nodes.end()};
  return grpc::Status::OK;
}

grpc::Status ControlService::Explain(grpc::ServerContext* context,
                                     const v1::ExplainRequest* request,
                                     v1::ExplainResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "ask for an explanation");
  if (!caller.ok()) return reply(caller.status());
  if (!request->has_at()) return answer(parts_.fleet.explain(*request), response);
  std::vector<std::string> nodes;
  for (const v1::NodeEntry& node : parts_.fleet.nodes())
    nodes.push_back(node.name());
  return answer(explain_at(parts_.archive, nodes, *request), response);
}

grpc::Status ControlService::ListFlows(grpc::ServerContext* context,
                                       const v1::ListFlowsRequest* request,
                                       v1::ListFlowsResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "list flows");
  if (!caller.ok()) return reply(caller.status());
  return answer(parts_.fleet.flows(*request), response);
}

grpc::Status ControlService::ListCounters(grpc::ServerContext* context,
                                          const v1::ListCountersRequest*,
                                          v1::ListCountersResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read counters");
  if (!caller.ok()) return reply(caller.status());
  *response = parts_.fleet.counters();
  return grpc::Status::OK;
}

grpc::Status ControlService::QueryRecords(grpc::ServerContext* context,
                                          const v1::QueryRecordsRequest* request,
                                          v1::QueryRecordsResponse* response) {
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_VIEWER, "read records");
  if (!caller.ok()) return reply(caller.status());
  return answer(parts_.records.query(*request), response);
}

// Whoever reaches the socket may know whom it reached.
grpc::Status ControlService::GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                                        v1::GetVersionResponse* response) {
  response->set_version(parts_.version);
  return grpc::Status::OK;
}

}  // namespace sluice::controlplane

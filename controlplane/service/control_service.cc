// SPDX-License-Identifier: Apache-2.0
//
// The Control service: translate, call, translate back.
#include "controlplane/service/control_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "controlplane/service/refusal.h"

namespace sluice::controlplane {
namespace {

constexpr uint32_t kRevisionsDefault = 20;
constexpr uint32_t kRevisionsMax = 10'000;

template <typename Response>
grpc::Status answer(absl::StatusOr<Response> result, Response* response) {
  if (!result.ok()) return reply(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

// Changes are logged once, here.
void log_change(const char* what, const std::string& author, const absl::Status& status,
                uint64_t generation) {
  const std::string who = author.empty() ? "unknown" : author;
  if (status.ok()) {
    spdlog::info("{} by {}: generation {} is in force", what, who, generation);
  } else {
    spdlog::warn("{} by {}: refused: {}", what, who, std::string(status.message()));
  }
}

template <typename Result>
void log_result(const char* what, const std::string& author, const Result& result) {
  log_change(what, author, result.status(), result.ok() ? result->generation() : 0);
}

}  // namespace

grpc::Status ControlService::Plan(grpc::ServerContext*, const v1::PlanRequest* request,
                                  v1::PlanResponse* response) {
  return answer(parts_.changes.plan(request->change()), response);
}

grpc::Status ControlService::Apply(grpc::ServerContext*, const v1::ApplyRequest* request,
                                   v1::ApplyResponse* response) {
  absl::StatusOr<v1::ApplyResponse> result = parts_.changes.apply(*request);
  log_result("apply", request->author(), result);
  return answer(std::move(result), response);
}

grpc::Status ControlService::Rollback(grpc::ServerContext*, const v1::RollbackRequest* request,
                                      v1::ApplyResponse* response) {
  absl::StatusOr<v1::ApplyResponse> result = parts_.changes.rollback(*request);
  log_result("rollback", request->author(), result);
  return answer(std::move(result), response);
}

grpc::Status ControlService::GetPolicy(grpc::ServerContext*, const v1::GetPolicyRequest* request,
                                       v1::GetPolicyResponse* response) {
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
  return grpc::Status::OK;
}

grpc::Status ControlService::ListRevisions(grpc::ServerContext*,
                                           const v1::ListRevisionsRequest* request,
                                           v1::ListRevisionsResponse* response) {
  const uint32_t limit = request->limit() == 0 ? kRevisionsDefault : request->limit();
  const absl::StatusOr<std::vector<v1::RevisionEntry>> entries =
      parts_.store.list(std::min(limit, kRevisionsMax));
  if (!entries.ok()) return reply(entries.status());
  *response->mutable_revisions() = {entries->begin(), entries->end()};
  return grpc::Status::OK;
}

grpc::Status ControlService::SetOverride(grpc::ServerContext*,
                                         const v1::SetOverrideRequest* request,
                                         v1::SetOverrideResponse* response) {
  absl::StatusOr<v1::SetOverrideResponse> result = parts_.changes.set_override(*request);
  log_result("override", request->author(), result);
  return answer(std::move(result), response);
}

grpc::Status ControlService::ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*,
                                       v1::ListNodesResponse* response) {
  const std::vector<v1::NodeEntry> nodes = parts_.fleet.nodes();
  *response->mutable_nodes() = {nodes.begin(), nodes.end()};
  return grpc::Status::OK;
}

grpc::Status ControlService::Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                                     v1::ExplainResponse* response) {
  return answer(parts_.fleet.explain(*request), response);
}

grpc::Status ControlService::ListFlows(grpc::ServerContext*, const v1::ListFlowsRequest* request,
                                       v1::ListFlowsResponse* response) {
  return answer(parts_.fleet.flows(*request), response);
}

grpc::Status ControlService::ListCounters(grpc::ServerContext*, const v1::ListCountersRequest*,
                                          v1::ListCountersResponse* response) {
  *response = parts_.fleet.counters();
  return grpc::Status::OK;
}

grpc::Status ControlService::QueryRecords(grpc::ServerContext*,
                                          const v1::QueryRecordsRequest* request,
                                          v1::QueryRecordsResponse* response) {
  return answer(parts_.records.query(*request), response);
}

grpc::Status ControlService::GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                                        v1::GetVersionResponse* response) {
  response->set_version(parts_.version);
  return grpc::Status::OK;
}

}  // namespace sluice::controlplane

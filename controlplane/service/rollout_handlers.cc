// SPDX-License-Identifier: Apache-2.0
//
// The Control service's calls about rollouts and shares.
#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "controlplane/rollout/proto_time.h"
#include "controlplane/service/control_service.h"
#include "controlplane/service/observed_shares.h"
#include "controlplane/service/refusal.h"
#include "dataplane/yaml/nearest_name.h"

namespace sluice::controlplane {
namespace {

// Nodes switch within it; flows of before are not counted against the shares of after.
constexpr absl::Duration kSwitchTime = absl::Seconds(2);

// When the shares of now began: with the revision, or with the last step of a rollout since.
absl::Time begin_of_shares(const InForce& running, const v1::RevisionEntry& revision) {
  absl::Time begin = time_from(revision.time());
  for (const v1::RolloutStatus& status : running.rollouts)
    begin = std::max(begin, time_from(status.step_started()));
  return begin + kSwitchTime;
}

absl::Status check_service(const v1::Policy& policy, const std::string& name) {
  std::vector<std::string> names;
  for (const v1::Service& service : policy.services()) {
    if (service.metadata().name() == name) return absl::OkStatus();
    names.push_back(service.metadata().name());
  }
  if (name.empty()) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("there is no service ", quote(name), suggestion(name, names)));
}

}  // namespace

grpc::Status ControlService::ListRollouts(grpc::ServerContext*,
                                          const v1::ListRolloutsRequest* request,
                                          v1::ListRolloutsResponse* response) {
  absl::StatusOr<v1::ListRolloutsResponse> result = parts_.rollouts.list(request->name());
  if (!result.ok()) return reply(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

grpc::Status ControlService::SteerRollout(grpc::ServerContext*,
                                          const v1::SteerRolloutRequest* request,
                                          v1::SteerRolloutResponse* response) {
  absl::StatusOr<v1::SteerRolloutResponse> result = parts_.rollouts.steer(*request, "unknown");
  if (!result.ok()) {
    spdlog::warn("rollout {}: refused: {}", request->rollout(),
                 std::string(result.status().message()));
    return reply(result.status());
  }
  *response = *std::move(result);
  return grpc::Status::OK;
}

grpc::Status ControlService::PushMetric(grpc::ServerContext*, const v1::PushMetricRequest* request,
                                        v1::PushMetricResponse*) {
  return reply(parts_.rollouts.push_metric(*request));
}

grpc::Status ControlService::ListShares(grpc::ServerContext*, const v1::ListSharesRequest* request,
                                        v1::ListSharesResponse* response) {
  const std::shared_ptr<const InForce> running = parts_.changes.running();
  if (absl::Status status = check_service(*running->policy, request->service()); !status.ok())
    return reply(status);
  if (running->table == nullptr) return grpc::Status::OK;
  absl::Time since = time_from(request->since());
  if (!request->has_since()) {
    const absl::StatusOr<std::vector<v1::RevisionEntry>> newest = parts_.store.list(1);
    if (!newest.ok()) return reply(newest.status());
    if (!newest->empty()) since = begin_of_shares(*running, newest->front());
  }
  const absl::StatusOr<ShareCounts> counts = parts_.records.shares(request->service(), since);
  if (!counts.ok()) return reply(counts.status());
  *response = observed_shares(*counts, running->table->message(), *running->policy);
  return grpc::Status::OK;
}

}  // namespace sluice::controlplane

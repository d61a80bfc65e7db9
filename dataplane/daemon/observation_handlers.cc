// SPDX-License-Identifier: Apache-2.0
//
// The method that hands observations of rollouts' flows over.
#include <optional>
#include <string>

#include "dataplane/daemon/dataplane_service.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kLimitDefault = 1000;
constexpr uint32_t kLimitMax = 10'000;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

void set_names(const ObservationEvent& event, const Registry& registry,
               v1::FlowObservation& observation) {
  if (const auto name = registry.name(RolloutId{event.rollout})) observation.set_rollout(*name);
  const std::optional<TargetNames> names = registry.names(TargetId{event.target});
  if (!names) return;
  observation.set_route(names->route);
  observation.set_pool(names->backend.pool);
  observation.set_backend(names->backend.name);
}

v1::FlowObservation to_observation(uint64_t sequence, const ObservationEvent& event,
                                   const Registry& registry) {
  v1::FlowObservation observation;
  observation.set_sequence(sequence);
  set_names(event, registry, observation);
  observation.set_is_candidate(event.is_candidate);
  const size_t client_bytes = event.family == Family::kIpv4 ? 4 : event.client.size();
  observation.set_client(event.client.data(), client_bytes);
  google::protobuf::Timestamp& start = *observation.mutable_start_time();
  start.set_seconds(static_cast<int64_t>(event.start_ns / kNanosecondsPerSecond));
  start.set_nanos(static_cast<int32_t>(event.start_ns % kNanosecondsPerSecond));
  observation.set_age_ms(event.age_ms);
  observation.set_syn_retransmissions(event.syn_retransmissions);
  observation.set_handshake_us(event.handshake_us);
  observation.set_request_bytes(event.request_bytes);
  observation.set_response_us(event.response_us);
  observation.set_response_bytes(event.response_bytes);
  observation.set_was_reset(event.was_reset);
  observation.set_is_reconnect(event.is_reconnect);
  return observation;
}

}  // namespace

absl::Status DataplaneService::list_observations(const v1::ListObservationsRequest& request,
                                                 v1::ListObservationsResponse& response) {
  if (request.limit() > kLimitMax) {
    return absl::InvalidArgumentError(
        fmt::format("limit: {} is out of range; must be 1..{}", request.limit(), kLimitMax));
  }
  const bool is_ours = request.incarnation() == parts_.identity.incarnation;
  ObservationLog::Page page = parts_.observations.after(
      is_ours ? request.after() : 0, request.limit() == 0 ? kLimitDefault : request.limit());
  response.set_incarnation(parts_.identity.incarnation);
  for (const ObservationEvent& event : page.events)
    *response.add_observations() = to_observation(page.first_sequence++, event, parts_.registry);
  uint64_t missed = 0;
  for (const LcoreCounterValues& values : parts_.cores.counters())
    missed += values.observations_missed;
  response.set_missed(missed);
  return absl::OkStatus();
}

grpc::Status DataplaneService::ListObservations(grpc::ServerContext*,
                                                const v1::ListObservationsRequest* request,
                                                v1::ListObservationsResponse* response) {
  return to_reply(list_observations(*request, *response));
}

}  // namespace sluice::dataplane

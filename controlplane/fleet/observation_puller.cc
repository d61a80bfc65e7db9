// SPDX-License-Identifier: Apache-2.0
//
// Reads from all nodes what they observed of rollouts' flows.
#include "controlplane/fleet/observation_puller.h"

#include <future>

namespace sluice::controlplane {
namespace {

constexpr uint32_t kPage = 10'000;
// Of one call: a node that observes faster than it can be read is left behind.
constexpr int kPagesMax = 20;

}  // namespace

std::vector<v1::FlowObservation> ObservationPuller::pull_from(const NodeSession& session,
                                                              Cursor& cursor) {
  std::vector<v1::FlowObservation> observations;
  for (int page = 0; page < kPagesMax; ++page) {
    v1::ListObservationsRequest request;
    request.set_incarnation(cursor.incarnation);
    request.set_after(cursor.sequence);
    request.set_limit(kPage);
    absl::StatusOr<v1::ListObservationsResponse> response = session.client().observations(request);
    if (!response.ok()) break;
    if (response->incarnation() != cursor.incarnation) cursor = {response->incarnation(), 0};
    const int count = response->observations_size();
    for (v1::FlowObservation& observation : *response->mutable_observations()) {
      cursor.sequence = observation.sequence();
      observations.push_back(std::move(observation));
    }
    if (count < static_cast<int>(kPage)) break;
  }
  return observations;
}

std::vector<v1::FlowObservation> ObservationPuller::pull() {
  std::vector<std::future<std::vector<v1::FlowObservation>>> answers;
  for (const NodeSession* session : fleet_.connected()) {
    Cursor& cursor = cursors_[session->name()];
    answers.push_back(
        std::async(std::launch::async, [session, &cursor] { return pull_from(*session, cursor); }));
  }
  std::vector<v1::FlowObservation> observations;
  for (auto& answer : answers) {
    std::vector<v1::FlowObservation> part = answer.get();
    observations.insert(observations.end(), std::make_move_iterator(part.begin()),
                        std::make_move_iterator(part.end()));
  }
  return observations;
}

}  // namespace sluice::controlplane

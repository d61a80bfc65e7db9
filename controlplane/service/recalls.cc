// SPDX-License-Identifier: Apache-2.0
//
// What became of recalls on each node, and the certificate of it.
#include "controlplane/service/recalls.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/service/overrides.h"
#include "controlplane/service/step_event.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

constexpr char kRecall[] = "recall";
constexpr char kComplete[] = "recall.complete";
constexpr char kIncomplete[] = "recall.incomplete";
constexpr uint32_t kEventsMax = 10'000;  // of one target; the newest
constexpr absl::Duration kLook = absl::Milliseconds(50);

bool is_done(const v1::NodeRecall& node) {
  return node.has_status() && node.status().is_swept() && node.status().residual() == 0;
}

// Whether everybody who can be asked is done.
bool is_settled(const v1::RecallCertificate& certificate) {
  return std::all_of(
      certificate.nodes().begin(), certificate.nodes().end(),
      [](const v1::NodeRecall& node) { return !node.is_reachable() || is_done(node); });
}

std::string text_of(const v1::NodeRecall& node) {
  const std::string away = node.is_reachable() ? "" : "not reachable; ";
  if (!node.has_status()) return away + "nothing is known yet";
  return absl::StrCat(away, "flows cut: ", node.status().flows_cut(),
                      ", residual: ", node.status().residual(),
                      node.status().is_swept() ? "" : ", still looking");
}

v1::Override override_of(const v1::RecallCertificate& certificate) {
  v1::Override override;
  override.set_pool(certificate.pool());
  override.set_backend(certificate.backend());
  return override;
}

}  // namespace

absl::StatusOr<Recalls::Known> Recalls::known_of(const OverrideOrder& order) {
  v1::ListEventsRequest request;
  request.set_kind(kRecall);
  request.set_target(target_of(order.override));
  request.set_limit(kEventsMax);
  const absl::StatusOr<std::vector<v1::Event>> events = events_.list(request);
  if (!events.ok()) return events.status();
  Known known;
  for (const v1::Event& event : *events) {
    // Asked for again while it was in force, it is the same recall.
    const bool is_repeated = event.details().contains("effect");
    if (event.kind() == kRecall && event.outcome() == v1::Event::OUTCOME_DONE && !is_repeated)
      known = {event.generation(), false, false};
    if (event.kind() == kComplete) known.is_certified = true;
    if (event.kind() == kComplete || event.kind() == kIncomplete) known.is_answered = true;
  }
  return known;
}

absl::StatusOr<v1::RecallCertificate> Recalls::certify(const OverrideOrder& order,
                                                       const std::vector<v1::NodeEntry>& nodes) {
  const absl::StatusOr<Known> known = known_of(order);
  if (!known.ok()) return known.status();
  v1::RecallCertificate certificate;
  certificate.set_pool(order.override.pool());
  certificate.set_backend(order.override.backend());
  certificate.set_author(order.author);
  certificate.set_reason(order.reason);
  set_time(*certificate.mutable_time(), order.time);
  for (const v1::NodeEntry& node : nodes) {
    v1::NodeRecall& recall = *certificate.add_nodes();
    recall.set_node(node.name());
    recall.set_is_reachable(node.connected());
    // What a node says of an older table is about an earlier recall of the same.
    if (node.status().generation() < known->generation) continue;
    for (const v1::RecallStatus& status : node.status().recalls()) {
      if (status.pool() != order.override.pool()) continue;
      if (status.backend() == order.override.backend()) *recall.mutable_status() = status;
    }
  }
  certificate.set_is_complete(
      std::all_of(certificate.nodes().begin(), certificate.nodes().end(), is_done));
  return certificate;
}

absl::Status Recalls::write(const v1::RecallCertificate& certificate) {
  v1::Event event = step_event(certificate.is_complete() ? kComplete : kIncomplete, kController,
                               certificate.reason());
  event.set_target(target_of(override_of(certificate)));
  if (!certificate.is_complete()) event.set_outcome(v1::Event::OUTCOME_PENDING);
  (*event.mutable_details())["author"] = certificate.author();
  for (const v1::NodeRecall& node : certificate.nodes())
    (*event.mutable_details())["node/" + node.node()] = text_of(node);
  return events_.append(event);
}

absl::StatusOr<v1::RecallCertificate> Recalls::settle(const v1::Override& recall,
                                                      absl::Duration patience) {
  const absl::Time end = absl::Now() + patience;
  const absl::StatusOr<std::vector<OverrideOrder>> orders = store_.override_orders();
  if (!orders.ok()) return orders.status();
  const auto order = std::find_if(orders->begin(), orders->end(), [&](const OverrideOrder& each) {
    return target_of(each.override) == target_of(recall) &&
           each.override.state() == v1::Override::STATE_RECALLED;
  });
  if (order == orders->end()) {
    return absl::NotFoundError(absl::StrCat(target_of(recall), " is not recalled"));
  }
  for (;;) {
    // A node that hangs does not keep the others from being asked again.
    const std::vector<v1::NodeEntry> nodes = fleet_.ask_nodes(std::min(end, absl::Now() + kLook));
    absl::StatusOr<v1::RecallCertificate> certificate = certify(*order, nodes);
    if (!certificate.ok()) return certificate;
    if (is_settled(*certificate) || absl::Now() >= end) {
      const absl::StatusOr<Known> known = known_of(*order);
      const bool is_written = known.ok() && (known->is_certified ||
                                             (known->is_answered && !certificate->is_complete()));
      if (is_written) return certificate;  // asked for again
      if (absl::Status status = write(*certificate); !status.ok()) return status;
      return certificate;
    }
    absl::SleepFor(std::min(kLook, end - absl::Now()));
  }
}

absl::StatusOr<std::vector<v1::RecallCertificate>> Recalls::list() {
  const absl::StatusOr<std::vector<OverrideOrder>> orders = store_.override_orders();
  if (!orders.ok()) return orders.status();
  const std::vector<v1::NodeEntry> nodes = fleet_.nodes();
  std::vector<v1::RecallCertificate> certificates;
  for (const OverrideOrder& order : *orders) {
    if (order.override.state() != v1::Override::STATE_RECALLED) continue;
    absl::StatusOr<v1::RecallCertificate> certificate = certify(order, nodes);
    if (!certificate.ok()) return certificate.status();
    certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

absl::Status Recalls::tend() {
  const absl::StatusOr<std::vector<OverrideOrder>> orders = store_.override_orders();
  if (!orders.ok()) return orders.status();
  for (const OverrideOrder& order : *orders) {
    if (order.override.state() != v1::Override::STATE_RECALLED) continue;
    const absl::StatusOr<Known> known = known_of(order);
    if (!known.ok()) return known.status();
    // One without an answer yet is still waited for by its caller, or by nobody after a crash.
    const bool is_waited_for =
        !known->is_answered && absl::Now() < order.time + 2 * kRecallPatience;
    if (known->is_certified || is_waited_for) continue;
    const absl::StatusOr<v1::RecallCertificate> certificate = certify(order, fleet_.nodes());
    if (!certificate.ok()) return certificate.status();
    if (!certificate->is_complete()) continue;
    if (absl::Status status = write(*certificate); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

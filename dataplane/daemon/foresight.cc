// SPDX-License-Identifier: Apache-2.0
//
// Judges live flows by a snapshot that is not in force.
#include "dataplane/daemon/foresight.h"

#include <algorithm>

#include "dataplane/table/steer.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kPageSize = 1024;  // flows that are asked of an lcore at once
constexpr uint8_t kTcp = 6;

}  // namespace

Foresight::Foresight(const Snapshot& next, const Registry& registry)
    : next_(next), registry_(registry) {
  for (const Pool& pool : next.table->pools) {
    for (const PoolMember& member : pool.members)
      members_[{pool.name, member.name, member.address}] = member.id;
  }
}

const BackendLine* Foresight::line_of(TargetId target) {
  const auto [known, is_new] = lines_.try_emplace(target.value, nullptr);
  if (!is_new) return known->second;
  const auto names = registry_.names(target);
  if (!names) return nullptr;
  const auto member = members_.find(names->backend);
  if (member != members_.end()) known->second = next_.find(member->second);
  return known->second;
}

// Of a flow whose backend is lost to it.
template <Family F>
Foresight::Effect Foresight::move(const FlowKey<F>& key, ServiceIndex service) const {
  const Opening opening = key.protocol() == kTcp ? Opening::kAdopted : Opening::kFresh;
  const Decision decision = steer(next_, service, key, opening);
  return decision.verdict == SteerVerdict::kForward ? Effect::kMoved : Effect::kRevoked;
}

template <Family F>
Foresight::Effect Foresight::judge(const FlowKey<F>& key, ServiceIndex service,
                                   ClassIndex client_class, TargetId target) {
  const BackendLine* const line = line_of(target);
  if (line == nullptr || line->state == BackendState::kDown || line->expired)
    return move(key, service);
  if (line->state == BackendState::kRecalled) return Effect::kRevoked;
  if (!next_.table->is_eligible(service, client_class, line->pool) ||
      next_.table->is_evicted(service, client_class, line->pool, target))
    return key.protocol() == kTcp ? Effect::kRevoked : move(key, service);
  const Decision decision = steer(next_, service, key, Opening::kFresh);
  const bool is_same = decision.verdict == SteerVerdict::kForward && decision.line->id == line->id;
  return is_same ? Effect::kNone : Effect::kResteered;
}

template <Family F>
void Foresight::add_one(const FlowEvent& flow) {
  const auto key =
      FlowKey<F>::make(flow.client.data(), flow.service.data(), Be16::from_host(flow.client_port),
                       Be16::from_host(flow.service_port), flow.protocol);
  const ServiceIndex service = next_.table->service_lookup.find(key);
  if (service.is_none()) return count(Effect::kRevoked);
  const ClassIndex client_class = next_.table->classify_client<F>(key.source());
  const Effect effect = judge(key, service, client_class, TargetId{flow.target});
  count(effect);
  Sum& sum = sums_[{service.value, client_class.value}];
  ++sum.flows;
  sum.resteered += effect == Effect::kNone ? 0 : 1;
}

void Foresight::count(Effect effect) {
  totals_.set_flows(totals_.flows() + 1);
  switch (effect) {
    case Effect::kNone:
      return;
    case Effect::kResteered:
      return totals_.set_resteered(totals_.resteered() + 1);
    case Effect::kMoved:
      return totals_.set_moved(totals_.moved() + 1);
    case Effect::kRevoked:
      return totals_.set_revoked(totals_.revoked() + 1);
  }
}

void Foresight::add(const FlowEvent& flow) {
  flow.family == Family::kIpv4 ? add_one<Family::kIpv4>(flow) : add_one<Family::kIpv6>(flow);
}

v1::FlowEffects Foresight::effects() const {
  v1::FlowEffects effects = totals_;
  for (const auto& [place, sum] : sums_) {
    v1::ClientEffects& clients = *effects.add_clients();
    clients.set_service(next_.table->services[place.first].name);
    clients.set_client_class(next_.table->classes[place.second].name);
    clients.set_flows(sum.flows);
    clients.set_resteered(sum.resteered);
  }
  return effects;
}

absl::StatusOr<v1::FlowEffects> foresee_flows(const Snapshot& next, const Registry& registry,
                                              Cores& cores) {
  Foresight foresight(next, registry);
  uint64_t cursor = 0;
  do {
    const absl::StatusOr<FlowPage> page = cores.list_flows(cursor, kPageSize);
    if (!page.ok()) return page.status();
    for (const FlowEvent& flow : page->flows)
      foresight.add(flow);
    cursor = page->next_cursor;
  } while (cursor != 0);
  return foresight.effects();
}

}  // namespace sluice::dataplane

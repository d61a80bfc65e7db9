// SPDX-License-Identifier: Apache-2.0
//
// What flow records and counters of one interval say about each subject that is watched.
#include "controlplane/service/interval_counts.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/service/observed_shares.h"
#include "controlplane/store/stored_time.h"
#include "dataplane/net/ip_address.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kPrefixBytesV4 = 3;
constexpr size_t kPrefixBytesV6 = 5;
constexpr size_t kTopClients = 10;
constexpr size_t kTopPrefixes = 20;
constexpr double kWhole = 1'000'000;
// After so many minutes without a node, the others are what there is.
constexpr int kPartialIntervalsMax = 30;

std::string backend_name(absl::string_view pool, absl::string_view backend) {
  return absl::StrCat(pool, "/", backend);
}

bool is_start(const v1::FlowRecord& record) {
  return record.end_reason() == v1::END_REASON_UNSPECIFIED;
}

// A flow that another node had before is new to nobody.
bool is_new_flow(const v1::FlowRecord& record) {
  return is_start(record) && record.part() <= 1 && record.opened() != v1::OPENED_ADOPTED;
}

}  // namespace

std::string client_prefix(absl::string_view address) {
  const bool is_v4 = address.size() == 4;
  if (!is_v4 && address.size() != 16) return "";
  const size_t kept = is_v4 ? kPrefixBytesV4 : kPrefixBytesV6;
  std::string masked(address.substr(0, kept));
  masked.resize(is_v4 ? 4 : 16, '\0');
  const auto* const bytes = reinterpret_cast<const uint8_t*>(masked.data());
  const auto parsed = dataplane::IpAddress::from_bytes({bytes, masked.size()});
  return parsed ? absl::StrCat(parsed->to_string(), "/", kept * 8) : std::string();
}

void IntervalCounts::add(std::span<const v1::FlowRecord> records, absl::Time oldest) {
  for (const v1::FlowRecord& record : records)
    add(record, time_of(record.start_time()) >= oldest);
}

void IntervalCounts::add(const v1::FlowRecord& record, bool is_fresh) {
  if (is_start(record) && !(is_fresh && is_new_flow(record))) return;
  const std::string backend = backend_name(record.pool(), record.backend());
  const std::pair<SubjectKind, absl::string_view> subjects[] = {
      {SubjectKind::kClass, record.client_class()},
      {SubjectKind::kService, record.service()},
      {SubjectKind::kPool, record.pool()},
      {SubjectKind::kBackend, backend}};
  for (const auto& [kind, name] : subjects) {
    Flows& flows = flows_of(kind, name);
    if (is_start(record)) {
      ++flows.started;
      continue;
    }
    ++flows.ended;
    if (record.end_reason() == v1::END_REASON_RESET) ++flows.reset;
    if (record.opened() != v1::OPENED_SYN || record.part() > 1) continue;
    ++flows.opened;
    if (record.has_handshake_time()) ++flows.completed;
  }
  if (!is_start(record)) return;
  RouteFlows& route = routes_[record.route()];
  ++route.started;
  ++route.pools[record.pool()];
  const std::string prefix = client_prefix(record.client_address());
  clients_.try_emplace(record.service(), kClientsCounted).first->second.add(prefix);
  prefixes_.add(prefix);
}

IntervalCounts::Flows& IntervalCounts::flows_of(SubjectKind kind, absl::string_view name) {
  auto& flows = flows_[static_cast<size_t>(kind)];
  const auto found = flows.find(name);
  return found != flows.end() ? found->second : flows[std::string(name)];
}

void IntervalCounts::add(const v1::ListCountersResponse& counters) {
  has_counters_ = true;
  partial_intervals_ = counters.unreachable().empty() ? 0 : partial_intervals_ + 1;
  for (const v1::GetCountersResponse& node : counters.nodes()) {
    for (const v1::TargetCounters& target : node.targets()) {
      const TargetKey key{node.node(), target.service(), target.route(), target.pool(),
                          target.backend()};
      add(target, targets_[key]);
    }
  }
  std::erase_if(targets_, [this](const auto& each) { return each.second.interval != interval_; });
}

// A node that did not answer before has counted for longer than one interval.
void IntervalCounts::add(const v1::TargetCounters& target, TargetSteps& steps) {
  steps.interval = interval_;
  const std::optional<uint64_t> bytes = steps.bytes.step(target.bytes());
  const uint64_t syns = steps.syns.step(target.unrecorded_syns()).value_or(0);
  for (const Subject& subject :
       {Subject{SubjectKind::kService, target.service()},
        Subject{SubjectKind::kPool, target.pool()},
        Subject{SubjectKind::kBackend, backend_name(target.pool(), target.backend())}}) {
    Traffic& traffic = traffic_[subject];
    traffic.bytes += bytes.value_or(0);
    traffic.has_steps = traffic.has_steps && bytes.has_value();
    traffic.active += target.flows_active();
    traffic.syns += syns;
  }
}

bool IntervalCounts::is_partial() const {
  return partial_intervals_ > 0 && partial_intervals_ <= kPartialIntervalsMax;
}

Observation IntervalCounts::observe(const Subject& subject) const {
  Observation observation;
  observation.subject = subject;
  const auto& kind = flows_[static_cast<size_t>(subject.kind)];
  const auto found = kind.find(subject.name);
  const Flows flows = found == kind.end() ? Flows() : found->second;
  const auto counted = traffic_.find(subject);
  const Traffic traffic = counted == traffic_.end() ? Traffic() : counted->second;
  observation.resets = Ratio{flows.reset, flows.ended};
  observation.handshakes = Ratio{flows.completed, flows.opened + traffic.syns};
  if (is_partial()) return observation;
  observation.new_flows = flows.started;
  if (!has_counters_ || subject.kind == SubjectKind::kClass) return observation;
  if (traffic.has_steps) observation.bytes = traffic.bytes;
  observation.concurrent_flows = traffic.active;
  return observation;
}

bool keeps_clients_together(const v1::ForwardingTable& table, const std::string& service) {
  const auto found = std::find_if(table.services().begin(), table.services().end(),
                                  [&](const auto& entry) { return entry.name() == service; });
  return found != table.services().end() && found->affinity() == v1::AFFINITY_CLIENT;
}

// A pool of several routes is to get the mean of its shares, by the flows of each. Where a client's
// flows keep together, one client with many is no wrong share.
void IntervalCounts::observe_shares(const v1::ForwardingTable& table,
                                    std::map<Subject, Observation>& all) const {
  std::map<std::string, ShareObservation> shares;
  for (const v1::RouteEntry& route : table.routes()) {
    const auto found = routes_.find(route.name());
    if (found == routes_.end() || !route.rollouts().empty()) continue;
    if (keeps_clients_together(table, route.service())) continue;
    const RouteFlows& flows = found->second;
    for (const auto& [pool, share] : configured_shares(route)) {
      ShareObservation& sum = shares[pool];
      const auto got = flows.pools.find(pool);
      sum.flows.part += got == flows.pools.end() ? 0 : got->second;
      sum.flows.whole += flows.started;
      sum.configured += static_cast<double>(flows.started) * share / kWhole;
    }
  }
  for (auto& [pool, share] : shares) {
    const auto observation = all.find({SubjectKind::kPool, pool});
    if (observation == all.end() || share.flows.whole == 0) continue;
    share.configured /= static_cast<double>(share.flows.whole);
    observation->second.share = share;
  }
}

std::vector<Observation> IntervalCounts::take(const v1::ForwardingTable& table,
                                              size_t subjects_max) {
  std::map<Subject, Observation> all;
  const size_t room = subjects_max - std::min(subjects_max, kTopPrefixes);
  const auto add_subject = [&](SubjectKind kind, std::string name) {
    const Subject subject{kind, std::move(name)};
    if (all.size() < room) all.emplace(subject, observe(subject));
  };
  for (const v1::ServiceEntry& service : table.services())
    add_subject(SubjectKind::kService, service.name());
  for (const v1::PoolEntry& pool : table.pools())
    add_subject(SubjectKind::kPool, pool.name());
  for (const v1::ClientClassEntry& client_class : table.client_classes())
    add_subject(SubjectKind::kClass, client_class.name());
  for (const v1::PoolEntry& pool : table.pools()) {
    for (const v1::BackendEntry& backend : pool.backends())
      add_subject(SubjectKind::kBackend, backend_name(pool.name(), backend.name()));
  }
  for (const auto& [service, clients] : clients_) {
    const auto observation = all.find({SubjectKind::kService, service});
    if (observation != all.end()) observation->second.top_clients = clients.top(kTopClients);
  }
  observe_shares(table, all);
  std::vector<Observation> observations;
  for (auto& [subject, observation] : all)
    observations.push_back(std::move(observation));
  for (const HeavyHitter& prefix : prefixes_.top(kTopPrefixes)) {
    Observation& observation = observations.emplace_back();
    observation.subject = {SubjectKind::kClientPrefix, prefix.key};
    observation.new_flows = prefix.guaranteed();
  }
  for (auto& kind : flows_)
    kind.clear();
  traffic_.clear();
  routes_.clear();
  clients_.clear();
  prefixes_.clear();
  has_counters_ = false;
  ++interval_;
  return observations;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Single objects of a policy as the entries of a forwarding table.
#include "controlplane/planner/table_entries.h"

#include <algorithm>
#include <string>

#include "controlplane/policy/defaults.h"
#include "controlplane/policy/service_port.h"
#include "controlplane/policy/week_times.h"
#include "dataplane/net/ip_address.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;
using dataplane::IpPrefix;

std::string to_bytes(const IpPrefix& prefix) {
  return prefix.address().to_bytes() + static_cast<char>(prefix.length());
}

void set_duration(google::protobuf::Duration& duration, int64_t nanoseconds) {
  duration.set_seconds(nanoseconds / 1'000'000'000);
  duration.set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
}

v1::HealthCheck with_defaults(const v1::HealthCheck& health) {
  v1::HealthCheck full = health;
  set_duration(*full.mutable_interval(), interval_ns(health));
  set_duration(*full.mutable_fast_interval(), fast_interval_ns(health));
  if (!health.has_timeout()) set_duration(*full.mutable_timeout(), kTimeoutDefaultNs);
  if (!health.has_rise()) full.set_rise(kRiseDefault);
  if (!health.has_fall()) full.set_fall(kFallDefault);
  if (!health.has_http()) return full;
  v1::HttpProbe& http = *full.mutable_http();
  if (http.path().empty()) http.set_path("/");
  if (http.expect_status().empty()) http.add_expect_status(kStatusDefault);
  std::sort(http.mutable_expect_status()->begin(), http.mutable_expect_status()->end());
  return full;
}

void write_entry(const v1::Backend& backend, const v1::Metadata& pool, v1::BackendEntry& entry) {
  entry.set_name(backend.name());
  if (const auto address = IpAddress::parse(backend.address()))
    entry.set_address(address->to_bytes());
  entry.set_weight(weight_of(backend));
  *entry.mutable_labels() = pool.labels();
  for (const auto& [key, value] : backend.labels())
    (*entry.mutable_labels())[key] = value;
  if (backend.has_eligible_until()) *entry.mutable_eligible_until() = backend.eligible_until();
}

v1::OnDegraded with_defaults(const v1::OnDegraded& degraded) {
  v1::OnDegraded full = degraded;
  if (!degraded.has_window()) set_duration(*full.mutable_window(), kDegradedWindowDefaultNs);
  if (degraded.min_flows() == 0) full.set_min_flows(kDegradedFlowsDefault);
  return full;
}

void write_conditions(const v1::RouteSpec& spec, v1::RouteEntry& entry) {
  *entry.mutable_dscp() = spec.dscp();
  std::sort(entry.mutable_dscp()->begin(), entry.mutable_dscp()->end());
  for (const WeekSpan& span : week_spans(spec.times())) {
    v1::WeekMinutes& added = *entry.add_times();
    added.set_begin(span.begin);
    added.set_end(span.end);
  }
}

}  // namespace

void write_entry(const ClientSet& set, v1::ClientClassEntry& entry) {
  entry.set_name(set.name);
  for (const auto& [key, value] : set.labels)
    (*entry.mutable_labels())[key] = value;
  auto& prefixes = *entry.mutable_prefixes();
  prefixes.Reserve(static_cast<int>(set.prefixes.size()));
  int ipv4_count = 0;  // they come first, each family in the order of its bytes
  for (const IpPrefix& prefix : set.prefixes) {
    *prefixes.Add() = to_bytes(prefix);
    ipv4_count += prefix.address().is_ipv4() ? 1 : 0;
  }
  std::inplace_merge(prefixes.pointer_begin(), prefixes.pointer_begin() + ipv4_count,
                     prefixes.pointer_end(),
                     [](const std::string* a, const std::string* b) { return *a < *b; });
}

void write_entry(const v1::Service& service, v1::ServiceEntry& entry) {
  const v1::ServiceSpec& spec = service.spec();
  entry.set_name(service.metadata().name());
  *entry.mutable_labels() = service.metadata().labels();
  for (const std::string& text : spec.addresses()) {
    if (const auto address = IpAddress::parse(text)) entry.add_addresses(address->to_bytes());
  }
  for (const std::string& text : spec.ports()) {
    const auto port = parse_port(text);
    if (!port) continue;
    v1::ServicePort& added = *entry.add_ports();
    added.set_protocol(static_cast<uint32_t>(port->protocol));
    added.set_port(port->port);
  }
  entry.set_affinity(spec.affinity() == v1::AFFINITY_UNSPECIFIED ? v1::AFFINITY_FLOW
                                                                 : spec.affinity());
  if (spec.has_tcp_idle()) *entry.mutable_tcp_idle() = spec.tcp_idle();
  entry.set_reject(spec.reject() == v1::REJECT_UNSPECIFIED ? v1::REJECT_RESET : spec.reject());
}

void write_entry(const v1::Pool& pool, v1::PoolEntry& entry) {
  const v1::PoolSpec& spec = pool.spec();
  const bool unset = spec.forwarding() == v1::FORWARDING_UNSPECIFIED;
  entry.set_name(pool.metadata().name());
  *entry.mutable_labels() = pool.metadata().labels();
  entry.set_forwarding(unset ? v1::FORWARDING_IPIP : spec.forwarding());
  entry.set_table_slots(table_slots(spec));
  entry.set_min_up(min_up(spec));
  if (spec.has_eligible_until()) *entry.mutable_eligible_until() = spec.eligible_until();
  if (spec.has_health()) *entry.mutable_health() = with_defaults(spec.health());
  for (const v1::Backend& backend : spec.backends()) {
    write_entry(backend, pool.metadata(), *entry.add_backends());
  }
}

void write_entry(const v1::Route& route, v1::RouteEntry& entry) {
  const v1::RouteSpec& spec = route.spec();
  entry.set_name(route.metadata().name());
  entry.set_service(spec.service());
  entry.set_split_seed(spec.split_seed().empty() ? route.metadata().name() : spec.split_seed());
  for (const v1::SplitEntry& written : spec.split()) {
    v1::RouteSplit& added = *entry.add_split();
    added.set_pool(written.pool());
    added.set_weight(written.weight());
  }
  *entry.mutable_fallback() = spec.fallback();
  write_conditions(spec, entry);
  if (spec.has_on_degraded()) *entry.mutable_on_degraded() = with_defaults(spec.on_degraded());
}

bool is_in_table(const v1::RolloutStatus& status) {
  return status.weight() > 0 || is_watched(status);
}

bool is_watched(const v1::RolloutStatus& status) {
  return status.phase() == v1::ROLLOUT_PHASE_PROGRESSING ||
         status.phase() == v1::ROLLOUT_PHASE_PAUSED || status.phase() == v1::ROLLOUT_PHASE_BAKING;
}

void write_entry(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                 v1::RolloutSplit& entry) {
  constexpr int64_t kMillisecondNs = 1'000'000;
  const v1::RolloutSpec& spec = rollout.spec();
  entry.set_stable(spec.stable());
  entry.set_candidate(spec.candidate());
  entry.set_weight(status.weight());
  entry.set_seed(rollout.metadata().name());
  if (is_watched(status))
    entry.set_observe_age_ms(static_cast<uint32_t>(analysis_age_ns(spec) / kMillisecondNs));
}

}  // namespace sluice::controlplane

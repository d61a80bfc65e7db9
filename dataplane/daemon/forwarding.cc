// SPDX-License-Identifier: Apache-2.0
//
// Builds and publishes snapshots, and remembers what they were made of.
#include "dataplane/daemon/forwarding.h"

#include <algorithm>
#include <set>
#include <thread>

#include "dataplane/daemon/status_text.h"
#include "spdlog/spdlog.h"

namespace sluice::dataplane {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long a switch waits for the MACs of backends that the node meets for the first time, so that
// their first packets are not dropped. A kernel on a local link answers within a few milliseconds.
constexpr milliseconds kNeighborWaitMax(200);
constexpr milliseconds kNeighborPollInterval(5);
// A node killed after a change must resume with it; this only bounds the writes of many changes.
constexpr milliseconds kHealthSaveInterval(100);
constexpr milliseconds kHealthSaveRetry(1000);
constexpr milliseconds kPortsInterval(1000);

// Sorted, each once.
std::vector<IpAddress> addresses_of(const Table* table) {
  std::vector<IpAddress> addresses;
  if (table == nullptr) return addresses;
  for (const Pool& pool : table->pools) {
    for (const PoolMember& member : pool.members)
      addresses.push_back(member.address);
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

std::set<SteeredEndpoint> endpoints_of(const Table* table) {
  std::set<SteeredEndpoint> endpoints;
  if (table == nullptr) return endpoints;
  for (const ServiceEndpoint& endpoint : table->service_lookup.endpoints()) {
    endpoints.insert({endpoint.address, endpoint.protocol, endpoint.port});
  }
  return endpoints;
}

uint32_t highest_target(const Table& table) {
  uint32_t highest = 0;
  for (const Route& route : table.routes) {
    for (const Route::PoolUse& use : route.uses) {
      for (const TargetId target : use.targets)
        highest = std::max(highest, target.value);
    }
  }
  return highest;
}

std::vector<SteeredEndpoint> listed(const std::set<SteeredEndpoint>& endpoints) {
  return {endpoints.begin(), endpoints.end()};
}

v1::BackendState shown_state(BackendState state, bool is_expired) {
  if (is_expired && state != BackendState::kRecalled) return v1::BACKEND_STATE_EXPIRED;
  switch (state) {
    case BackendState::kUp:
      return v1::BACKEND_STATE_UP;
    case BackendState::kDraining:
      return v1::BACKEND_STATE_DRAINING;
    case BackendState::kDown:
      return v1::BACKEND_STATE_DOWN;
    case BackendState::kRecalled:
      return v1::BACKEND_STATE_RECALLED;
  }
  return v1::BACKEND_STATE_UNSPECIFIED;
}

std::string_view name_of(v1::BackendState state) {
  switch (state) {
    case v1::BACKEND_STATE_UP:
      return "up";
    case v1::BACKEND_STATE_DRAINING:
      return "draining";
    case v1::BACKEND_STATE_DOWN:
      return "down";
    case v1::BACKEND_STATE_RECALLED:
      return "recalled";
    case v1::BACKEND_STATE_EXPIRED:
      return "past eligible_until";
    default:
      return "unknown";
  }
}

// How far a clock is set back before times of the week are looked up anew.
constexpr int64_t kClockStepMs = 500;

google::protobuf::Timestamp timestamp(int64_t unix_ms) {
  google::protobuf::Timestamp time;
  time.set_seconds(unix_ms / 1000);
  time.set_nanos(static_cast<int32_t>(unix_ms % 1000 * 1'000'000));
  return time;
}

int64_t unix_ms(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1000 + time.nanos() / 1'000'000;
}

v1::BackendStatus& add_backend(const BackendIdentity& backend, SavedHealth& saved) {
  v1::BackendStatus& status = *saved.add_backends();
  status.set_pool(backend.pool);
  status.set_backend(backend.name);
  status.set_address(backend.address.to_bytes());
  return status;
}

}  // namespace

Forwarding::Forwarding(Cores& cores, Links& links, TableStore& store, SetTargets set_targets,
                       Clock clock)
    : cores_(cores),
      links_(links),
      store_(store),
      set_targets_(std::move(set_targets)),
      clock_(std::move(clock)) {
  show_ports();
}

int64_t Forwarding::system_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

void Forwarding::resume(const SavedHealth& saved) {
  view_ = saved.view();
  for (const v1::BackendStatus& backend : saved.backends()) {
    const auto address = IpAddress::from_bytes(std::string_view(backend.address()));
    if (!address) continue;
    if (backend.state() == v1::BACKEND_STATE_EXPIRED) {
      expiry_.remember({backend.pool(), backend.backend(), *address}, unix_ms(backend.since()));
      continue;
    }
    const Health health = backend.state() == v1::BACKEND_STATE_UP ? Health::kUp : Health::kDown;
    health_[{backend.pool(), backend.backend(), *address}] = {health, backend.reason()};
  }
}

absl::Status Forwarding::switch_to(const ReadyTable& next, Durability durability) {
  const std::set<SteeredEndpoint> before = endpoints_of(running_.built.table.get());
  const std::set<SteeredEndpoint> after = endpoints_of(next.built.table.get());
  // First what can fail. While both sets are steered, packets for an endpoint of only one of them
  // are dropped as not for a service, as the kernel would drop them.
  std::set<SteeredEndpoint> both = before;
  both.insert(after.begin(), after.end());
  if (absl::Status steered = links_.steer(listed(both)); !steered.ok()) return steered;
  if (durability == Durability::kSave) {
    if (absl::Status saved = store_.save(*next.pushed); !saved.ok()) {
      links_.steer(listed(before)).IgnoreError();  // a subset of what is there: it fits
      return saved;
    }
  }
  adopt(next);
  const absl::Status published = publish();
  links_.steer(listed(after)).IgnoreError();  // likewise
  return published;
}

void Forwarding::adopt(const ReadyTable& next) {
  const std::vector<IpAddress> known = addresses_of(running_.built.table.get());
  const std::vector<IpAddress> wanted = addresses_of(next.built.table.get());
  std::vector<IpAddress> fresh;
  std::set_difference(wanted.begin(), wanted.end(), known.begin(), known.end(),
                      std::back_inserter(fresh));
  if (wanted != known) links_.watch(wanted);
  wait_for_neighbors(fresh);

  running_ = next;
  targets_end_ = std::max(targets_end_, highest_target(*running_.built.table));
  std::vector<ProbeTarget> targets = probe_targets(running_.pushed->message());
  std::map<BackendIdentity, Health> last_known;
  HealthByBackend kept;
  for (const ProbeTarget& target : targets) {
    if (const auto found = health_.find(target.backend); found != health_.end()) {
      kept.insert(*found);
      last_known[target.backend] = found->second.health;
    }
  }
  health_ = std::move(kept);
  set_targets_(std::move(targets), last_known);
}

void Forwarding::wait_for_neighbors(const std::vector<IpAddress>& fresh) {
  const auto deadline = steady_clock::now() + kNeighborWaitMax;
  const auto is_resolved = [&](const IpAddress& address) {
    return links_.next_hop(address).resolved;
  };
  links_.poll_neighbors();
  while (!std::all_of(fresh.begin(), fresh.end(), is_resolved) && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kNeighborPollInterval);
    links_.poll_neighbors();
  }
}

absl::Status Forwarding::publish() {
  const std::vector<JudgedBackend> judged =
      judge_backends(running_.pushed->message(), *running_.built.table, health_);
  std::unique_ptr<const Snapshot> snapshot = next_snapshot(judged);
  show(judged, *snapshot);
  const absl::Status published = cores_.publish(std::move(snapshot));
  is_stale_ = !published.ok();
  if (!published.ok()) spdlog::error("publication: {}", text_of(published));
  return published;
}

std::unique_ptr<const Snapshot> Forwarding::next_snapshot(
    const std::vector<JudgedBackend>& judged) {
  std::vector<BackendCondition> conditions(running_.built.table->backend_capacity);
  for (const JudgedBackend& backend : judged) {
    conditions[backend.id.index()] = {.state = backend.state,
                                      .next_hop = links_.next_hop(backend.identity.address)};
  }
  const int64_t now = clock_();
  for (const Pool& pool : running_.built.table->pools) {
    for (const PoolMember& member : pool.members) {
      conditions[member.id.index()].expired = expiry_.is_past(
          {pool.name, member.name, member.address}, member.eligible_until_unix_ms, now);
    }
  }
  recalls_.follow(running_.pushed->message(), judged, cores_, targets_end_, now);
  node_.recall = recalls_.number();
  made_unix_ms_ = now;
  next_change_unix_ms_ = next_change(now);
  std::unique_ptr<Snapshot> snapshot =
      make_snapshot(running_.built.table, view_, conditions, now, node_);
  ViewFacts facts = facts_of(judged, *snapshot);
  if (facts == facts_ && view_ > 0) return snapshot;

  ++view_;
  log_view(facts_, facts);
  facts_ = std::move(facts);
  is_health_unsaved_ = true;
  snapshot->view = view_;
  keep_view(judged, *snapshot);
  return snapshot;
}

std::unique_ptr<const Snapshot> Forwarding::foresee(const ReadyTable& next) const {
  HealthByBackend health = health_;
  for (const ProbeTarget& target : probe_targets(next.pushed->message())) {
    KnownHealth& known = health[target.backend];
    if (known.health == Health::kUnknown) known.health = Health::kUp;
  }
  std::vector<BackendCondition> conditions(next.built.table->backend_capacity);
  for (const JudgedBackend& backend :
       judge_backends(next.pushed->message(), *next.built.table, health))
    conditions[backend.id.index()].state = backend.state;
  const int64_t now = clock_();
  for (const Pool& pool : next.built.table->pools) {
    for (const PoolMember& member : pool.members)
      conditions[member.id.index()].expired = member.eligible_until_unix_ms <= now;
  }
  return make_snapshot(next.built.table, view_, conditions, now, node_);
}

void Forwarding::keep_view(const std::vector<JudgedBackend>& judged, const Snapshot& snapshot) {
  v1::ViewRecord record;
  record.set_view(snapshot.view);
  record.set_generation(running_.pushed->generation());
  *record.mutable_time() = timestamp(clock_());
  record.set_can_record(facts_.can_record);
  for (const auto& [route, pool] : facts_.degraded) {
    v1::DegradedView& view = *record.add_degraded();
    view.set_route(route);
    view.set_pool(pool);
    view.set_is_degraded(true);
  }
  for (const JudgedBackend& backend : judged) {
    v1::BackendView& view = *record.add_backends();
    view.set_pool(backend.identity.pool);
    view.set_backend(backend.identity.name);
    view.set_address(backend.identity.address.to_bytes());
    view.set_state(shown_state(backend.state, snapshot.backends[backend.id.index()].expired));
  }
  views_.add(std::move(record));
}

Forwarding::ViewFacts Forwarding::facts_of(const std::vector<JudgedBackend>& judged,
                                           const Snapshot& snapshot) const {
  ViewFacts facts;
  facts.generation = running_.pushed->generation();
  for (const JudgedBackend& backend : judged)
    facts.states.emplace_back(
        backend.identity,
        shown_state(backend.state, snapshot.backends[backend.id.index()].expired));
  const std::vector<Pool>& pools = snapshot.table->pools;
  for (size_t i = 0; i < pools.size(); ++i) {
    const PoolServing& serving = snapshot.serving[i];
    const bool has_expired =
        !pools[i].ids.empty() && std::ranges::all_of(pools[i].ids, [&](BackendId id) {
          return snapshot.backends[id.index()].expired;
        });
    facts.serving[pools[i].name] =
        (serving.new_flows ? 1u : 0u) | (serving.adopted ? 2u : 0u) | (has_expired ? 4u : 0u);
  }
  // Where nothing must be recorded, nothing is refused.
  facts.can_record = snapshot.can_record ||
                     std::ranges::none_of(snapshot.table->rows,
                                          [](const SteeringRow& row) { return row.must_record; });
  const std::vector<Route>& routes = snapshot.table->routes;
  for (const DegradedUse& use : snapshot.degraded)
    facts.degraded.emplace(routes[use.route.value].name, pools[use.pool.value].name);
  for (size_t i = 0; i < routes.size(); ++i) {
    if (!routes[i].times.empty()) facts.in_time[routes[i].name] = snapshot.in_time[i] != 0;
  }
  return facts;
}

void Forwarding::log_view(const ViewFacts& before, const ViewFacts& after) const {
  spdlog::info("view {} of generation {}", view_, running_.pushed->generation());
  for (const auto& [backend, state] : after.states) {
    if (std::binary_search(before.states.begin(), before.states.end(), std::pair(backend, state)))
      continue;
    spdlog::info("view {}: backend {}/{} ({}) is {}", view_, backend.pool, backend.name,
                 backend.address.to_string(), name_of(state));
  }
  for (const auto& [pool, bits] : after.serving) {
    const auto old = before.serving.find(pool);
    if (old != before.serving.end() && old->second == bits) continue;
    spdlog::info("view {}: pool {} {}", view_, pool,
                 (bits & 4) != 0   ? "is past eligible_until"
                 : (bits & 1) != 0 ? "serves"
                                   : "does not serve new flows");
  }
  if (before.can_record != after.can_record) {
    spdlog::info("view {}: flows that must be recorded are {}", view_,
                 after.can_record ? "taken again" : "refused: their records would be lost");
  }
  log_degraded(before, after);
  for (const auto& [route, is_in_time] : after.in_time) {
    const auto old = before.in_time.find(route);
    if (old != before.in_time.end() && old->second == is_in_time) continue;
    spdlog::info("view {}: route {}: {}", view_, route,
                 is_in_time ? "its time has begun" : "it is not its time");
  }
}

void Forwarding::log_degraded(const ViewFacts& before, const ViewFacts& after) const {
  for (const auto& [route, pool] : after.degraded) {
    if (before.degraded.contains({route, pool})) continue;
    spdlog::warn("view {}: pool {} is degraded: new flows of route {} leave it for a fallback",
                 view_, pool, route);
  }
  for (const auto& [route, pool] : before.degraded) {
    if (after.degraded.contains({route, pool})) continue;
    spdlog::info("view {}: pool {} takes new flows of route {} again", view_, pool, route);
  }
}

int64_t Forwarding::next_change(int64_t now) const {
  int64_t next = INT64_MAX;
  for (const Pool& pool : running_.built.table->pools) {
    for (const PoolMember& member : pool.members) {
      if (member.eligible_until_unix_ms > now) next = std::min(next, member.eligible_until_unix_ms);
    }
  }
  for (const Route& route : running_.built.table->routes)
    next = std::min(next, next_boundary(route.times, now));
  return next;
}

bool Forwarding::clock_changes_view(int64_t now) const {
  return now >= next_change_unix_ms_ || now < made_unix_ms_ - kClockStepMs;
}

void Forwarding::show(const std::vector<JudgedBackend>& judged, const Snapshot& snapshot) {
  auto state = std::make_shared<RunningState>();
  state->pushed = running_.pushed;
  state->snapshot = std::make_shared<const Snapshot>(snapshot);
  state->view = snapshot.view;
  state->ports = links_.states();
  state->recalls = recalls_.active();
  state->memory_bytes = running_.built.report.memory_bytes;
  std::vector<Since> since;
  auto old = since_.begin();  // both are sorted: one walk over the two
  for (const JudgedBackend& backend : judged) {
    while (old != since_.end() && old->backend < backend.identity)
      ++old;
    const v1::BackendState shown =
        shown_state(backend.state, snapshot.backends[backend.id.index()].expired);
    const bool is_same =
        old != since_.end() && old->backend == backend.identity && old->state == shown;
    since.push_back({backend.identity, shown, is_same ? old->unix_ms : clock_()});
    v1::BackendStatus& status = state->backends.emplace_back();
    status.set_pool(backend.identity.pool);
    status.set_backend(backend.identity.name);
    status.set_address(backend.identity.address.to_bytes());
    status.set_state(shown);
    *status.mutable_since() = timestamp(since.back().unix_ms);
    status.set_reason(shown == v1::BACKEND_STATE_EXPIRED ? "it is past eligible_until"
                                                         : backend.reason);
    status.set_neighbor_resolved(snapshot.backends[backend.id.index()].neighbor_resolved);
  }
  since_ = std::move(since);
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

void Forwarding::show_ports() {
  std::vector<PortState> ports = links_.states();
  const std::lock_guard lock(mutex_);
  auto state = std::make_shared<RunningState>(*state_);
  state->ports = std::move(ports);
  state_ = std::move(state);
}

void Forwarding::on_health(const HealthChange& change) {
  health_[change.backend] = {change.health, change.reason};
  is_health_unsaved_ = true;
  is_stale_ = true;
  spdlog::info("probe: {}/{} ({}): {}", change.backend.pool, change.backend.name,
               change.backend.address.to_string(), change.reason);
}

void Forwarding::on_recording(bool can_record) {
  if (can_record == node_.can_record) return;
  node_.can_record = can_record;
  is_stale_ = true;
}

void Forwarding::on_degraded(std::set<RoutePool> degraded) {
  if (degraded == node_.degraded) return;
  node_.degraded = std::move(degraded);
  is_stale_ = true;
}

void Forwarding::tick() {
  const bool has_moved = links_.poll_neighbors();
  if (running_.pushed == nullptr) return;
  const bool has_time_changed = clock_changes_view(clock_());
  if (is_stale_ || has_moved || has_time_changed)
    publish().IgnoreError();  // it has logged, the next tick tries again
  const auto now = steady_clock::now();
  if (is_health_unsaved_ && now >= next_save_) save_health();
  if (now < next_look_at_ports_) return;
  next_look_at_ports_ = now + kPortsInterval;
  show_ports();
}

void Forwarding::save_health() {
  SavedHealth saved;
  saved.set_view(view_);
  for (const auto& [backend, known] : health_) {
    if (known.health == Health::kUnknown) continue;
    v1::BackendStatus& status = add_backend(backend, saved);
    status.set_state(known.health == Health::kUp ? v1::BACKEND_STATE_UP : v1::BACKEND_STATE_DOWN);
    status.set_reason(known.reason);
  }
  for (const auto& [backend, until_unix_ms] : expiry_.past()) {
    v1::BackendStatus& status = add_backend(backend, saved);
    status.set_state(v1::BACKEND_STATE_EXPIRED);
    *status.mutable_since() = timestamp(until_unix_ms);
  }
  if (const absl::Status status = store_.save(saved); !status.ok()) {
    spdlog::error("health: {}", text_of(status));
    next_save_ = steady_clock::now() + kHealthSaveRetry;
    return;
  }
  is_health_unsaved_ = false;
  next_save_ = steady_clock::now() + kHealthSaveInterval;
}

std::shared_ptr<const RunningState> Forwarding::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace sluice::dataplane

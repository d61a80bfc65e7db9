// SPDX-License-Identifier: Apache-2.0
//
// Chooses a way when routes change, follows it when neighbours do, asks again where nothing
// answers.
#include "dataplane/port/reachability.h"

#include <fmt/format.h>

#include <set>

namespace sluice::dataplane {
namespace {

// A neighbour that does not answer is asked about this often; the kernel itself retries in between.
constexpr std::chrono::seconds kAskInterval{1};

bool is_same(const NextHop& a, const NextHop& b) {
  return a.resolved == b.resolved && a.port == b.port && a.mtu == b.mtu &&
         a.destination_mac == b.destination_mac && a.source_mac == b.source_mac &&
         a.source == b.source;
}

}  // namespace

absl::StatusOr<Reachability> Reachability::open(std::vector<PortFacts> ports) {
  std::set<int> indexes;
  for (const PortFacts& port : ports) {
    if (port.interface_index != 0) indexes.insert(port.interface_index);
  }
  auto kernel = KernelNeighbors::open(std::move(indexes));
  if (!kernel.ok()) return kernel.status();
  return Reachability(std::move(ports), *std::move(kernel));
}

Reachability::~Reachability() {
  if (kernel_ == nullptr) return;
  watched_.clear();
  release_unused();
}

void Reachability::watch(const std::vector<IpAddress>& backends) {
  const std::set<IpAddress> wanted(backends.begin(), backends.end());
  std::erase_if(watched_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const IpAddress& backend : wanted) {
    if (watched_.contains(backend)) continue;
    const Way way = choose_way(ports_, *kernel_, backend);
    ask(way);
    watched_[backend] = {.way = way, .hop = follow(way, *kernel_, backend)};
    changed_ = true;
  }
  release_unused();
}

bool Reachability::poll() {
  const KernelNeighbors::Changes changes = kernel_->poll();
  if (changes.routes || changes.neighbors) {
    for (auto& [backend, watched] : watched_) {
      if (changes.routes) {
        watched.way = choose_way(ports_, *kernel_, backend);
        ask(watched.way);
      }
      const NextHop hop = follow(watched.way, *kernel_, backend);
      if (is_same(hop, watched.hop)) continue;
      watched.hop = hop;
      changed_ = true;
    }
  }
  ask_again_where_unresolved();
  return std::exchange(changed_, false);
}

NextHop Reachability::next_hop(const IpAddress& backend) const {
  const auto found = watched_.find(backend);
  return found == watched_.end() ? NextHop{} : found->second.hop;
}

std::string Reachability::unresolved_reason(const IpAddress& backend) const {
  const auto found = watched_.find(backend);
  if (found == watched_.end()) return fmt::format("{} is not watched", backend.to_string());
  const auto& [way, hop] = found->second;
  if (hop.resolved) return "";
  if (way.port == nullptr) return way.obstacle;
  return fmt::format("{} does not answer on port {}", way.neighbor.to_string(),
                     way.port->config.name);
}

void Reachability::ask(const Way& way) {
  if (!way.needs_kernel()) return;
  const Neighbor neighbor(way.port->interface_index, way.neighbor);
  if (!asked_.try_emplace(neighbor, Clock::now()).second) return;
  kernel_->resolve(neighbor.first, neighbor.second);
}

void Reachability::ask_again_where_unresolved() {
  const Clock::time_point now = Clock::now();
  for (const auto& [backend, watched] : watched_) {
    if (watched.hop.resolved || !watched.way.needs_kernel()) continue;
    const Neighbor neighbor(watched.way.port->interface_index, watched.way.neighbor);
    const auto asked = asked_.find(neighbor);
    if (asked == asked_.end() || now - asked->second < kAskInterval) continue;
    asked->second = now;
    kernel_->resolve(neighbor.first, neighbor.second);
  }
}

void Reachability::release_unused() {
  std::set<Neighbor> used;
  for (const auto& [backend, watched] : watched_) {
    if (!watched.way.needs_kernel()) continue;
    used.emplace(watched.way.port->interface_index, watched.way.neighbor);
  }
  std::erase_if(asked_, [&](const auto& entry) {
    const bool unused = !used.contains(entry.first);
    if (unused) kernel_->release(entry.first.first, entry.first.second);
    return unused;
  });
}

}  // namespace sluice::dataplane

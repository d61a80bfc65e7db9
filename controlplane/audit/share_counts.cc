// SPDX-License-Identifier: Apache-2.0
//
// How many new flows and clients each pool got, from the records.
#include "controlplane/audit/share_counts.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>

#include "controlplane/audit/segment/record_wire.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kHostBytes = 8;  // an IPv4 address whole, of an IPv6 one its /64
// What makes a record that of a flow's start, and what it is counted under.
constexpr Column kRead[] = {Column::kEndReason, Column::kPart,    Column::kOpened,
                            Column::kStartTime, Column::kService, Column::kClientClass,
                            Column::kRoute,     Column::kPool};

constexpr int kIndexBits = 20;  // a dictionary has no more fields than a segment has rows

}  // namespace

absl::Status ShareCounter::add(const RowSource& source) {
  Known known;
  for (const Client& client : source.clients()) {
    HostKey& host = known.hosts.emplace_back(0, std::min(client.address.size(), kHostBytes));
    std::memcpy(&host.first, client.address.data(), host.second);
  }
  const Dictionaries& names = source.dictionaries();
  const std::optional<uint64_t> service =
      names.find(Column::kService, text_field(Column::kService, service_));
  if (!service) return absl::OkStatus();
  std::vector<uint64_t> values[std::size(kRead)], clients;
  const auto& [ends, parts, opened, starts, services, classes, routes, pools] = values;
  for (size_t block = 0; block < source.blocks(); ++block) {
    absl::Status status = source.read(block, PrivateColumn::kClient, clients);
    for (size_t i = 0; i < std::size(kRead) && status.ok(); ++i)
      status = source.read(block, kRead[i], values[i]);
    if (!status.ok()) return status;
    for (size_t i = 0; i < clients.size(); ++i) {
      const auto start = static_cast<int64_t>(starts[i]);
      const bool is_new = ends[i] == v1::END_REASON_UNSPECIFIED && parts[i] <= 1 &&
                          opened[i] != v1::OPENED_ADOPTED && start >= since_ns_;
      const bool is_wanted = service_.empty() || services[i] == *service;
      if (is_new && is_wanted) {
        count({clients[i], services[i], classes[i], routes[i], pools[i], start}, names, known);
      }
    }
  }
  return absl::OkStatus();
}

void ShareCounter::count(const Row& row, const Dictionaries& names, Known& known) {
  const uint64_t indexes =
      row.service << 2 * kIndexBits | row.client_class << kIndexBits | row.route;
  Route*& route = known.routes[indexes];
  if (route == nullptr) {
    route = &routes_[{std::string(text_of(names.field(Column::kService, row.service))),
                      std::string(text_of(names.field(Column::kClientClass, row.client_class))),
                      std::string(text_of(names.field(Column::kRoute, row.route)))}];
  }
  auto& pool = known.pools[{route, row.pool}];
  if (pool == nullptr) {
    const std::string name(text_of(names.field(Column::kPool, row.pool)));
    pool = &*route->counts.pools.try_emplace(name).first;
  }
  ++pool->second.flows;
  Host& host = route->hosts[known.hosts[row.client]];
  if (host.flows++ != 0 && host.first_ns <= row.start_ns) return;
  host.first_ns = row.start_ns;
  host.first_pool = &pool->first;
}

ShareCounts ShareCounter::finish() && {
  ShareCounts counts;
  for (auto& [key, route] : routes_) {
    for (const auto& [key_of_host, host] : route.hosts) {
      ++route.counts.pools.at(*host.first_pool).clients;
      ++route.counts.clients;
      route.counts.flows += host.flows;
      route.counts.squares += static_cast<double>(host.flows) * static_cast<double>(host.flows);
    }
    counts.emplace(key, std::move(route.counts));
  }
  return counts;
}

}  // namespace sluice::controlplane

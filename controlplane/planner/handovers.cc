// SPDX-License-Identifier: Apache-2.0
//
// Which addresses and ports of services change hands.
#include "controlplane/planner/handovers.h"

#include <map>
#include <set>
#include <utility>

#include "controlplane/policy/service_port.h"
#include "dataplane/net/ip_address.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;

struct Listener {
  PortSpec port;
  const v1::Service* service;
};
using Listeners = std::map<IpAddress, std::vector<Listener>>;

void add_listeners(const v1::Service* service, Listeners& listeners) {
  if (service == nullptr) return;
  for (const std::string& text : service->spec().addresses()) {
    const std::optional<IpAddress> address = IpAddress::parse(text);
    if (!address) continue;
    for (const std::string& written : service->spec().ports()) {
      if (const std::optional<PortSpec> port = parse_port(written))
        listeners[*address].push_back({*port, service});
    }
  }
}

bool overlap(const PortSpec& a, const PortSpec& b) {
  return a.protocol == b.protocol && (a.port == b.port || a.port == 0 || b.port == 0);
}

// Who has what the listener had.  A null one: some of it, or all, is nobody's.
std::set<const v1::Service*> heirs(const Listener& listener, const std::vector<Listener>& after) {
  std::set<const v1::Service*> services;
  bool is_whole = false;
  for (const Listener& other : after) {
    if (!overlap(listener.port, other.port)) continue;
    services.insert(other.service);
    is_whole |= other.port.port == 0 || listener.port.port != 0;
  }
  if (!is_whole) services.insert(nullptr);
  return services;
}

}  // namespace

std::vector<Handover> handovers(const TwoVersions<v1::Service>& services,
                                const ObjectNames& touched) {
  std::vector<Handover> found;
  const auto names = touched.find("Service");
  if (names == touched.end()) return found;
  Listeners before, after;
  for (const std::string& name : names->second) {
    add_listeners(services.before.find(name), before);
    add_listeners(services.after.find(name), after);
  }
  std::map<std::pair<std::string, std::string>, Handover> by_names;
  for (const auto& [address, listeners] : before) {
    for (const Listener& listener : listeners) {
      for (const v1::Service* heir : heirs(listener, after[address])) {
        const std::string& from = listener.service->metadata().name();
        const std::string to = heir == nullptr ? "" : heir->metadata().name();
        if (from == to) continue;
        by_names.try_emplace({from, to}, Handover{listener.service, heir,
                                                  fmt::format("{} {}", address.to_string(),
                                                              to_string(listener.port))});
      }
    }
  }
  for (auto& [key, handover] : by_names)
    found.push_back(std::move(handover));
  return found;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Services: addresses and ports, and that no two services share one.
#include <map>
#include <utility>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/service_port.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;

constexpr int64_t kSecond = 1'000'000'000;
constexpr DurationRange kTcpIdle = {1 * kSecond, 30 * 86'400 * kSecond};

struct Listener {
  uint16_t port;
  std::string service;  // path of the object
};
using Listeners = std::map<std::pair<IpAddress, Protocol>, std::vector<Listener>>;

std::vector<IpAddress> check_addresses(Checker& checker, const std::string& path,
                                       const v1::ServiceSpec& service) {
  std::vector<IpAddress> addresses;
  std::set<IpAddress> seen;
  if (service.addresses().empty()) checker.add(path, "needs at least one address");
  for (int i = 0; i < service.addresses_size(); ++i) {
    const std::string element = fmt::format("{}[{}]", path, i);
    const auto address = checker.check_address(element, service.addresses(i));
    if (!address) continue;
    if (seen.insert(*address).second) {
      addresses.push_back(*address);
    } else {
      checker.add(element, fmt::format("{} stands here twice", address->to_string()));
    }
  }
  return addresses;
}

struct WrittenPort {
  PortSpec port;
  std::string path;
};

std::vector<WrittenPort> check_ports(Checker& checker, const std::string& path,
                                     const v1::ServiceSpec& service) {
  std::vector<WrittenPort> ports;
  std::set<PortSpec> seen;
  if (service.ports().empty()) checker.add(path, "needs at least one port, such as tcp/80");
  for (int i = 0; i < service.ports_size(); ++i) {
    const std::string element = fmt::format("{}[{}]", path, i);
    const std::optional<PortSpec> port = parse_port(service.ports(i));
    if (!port) {
      checker.add(element,
                  fmt::format("{} is no port; write tcp/80, udp/443, or tcp/0 for any port",
                              quote(service.ports(i))));
    } else if (port->protocol == Protocol::kSctp) {
      checker.refuse_unbuilt(element, "SCTP is");
    } else if (!seen.insert(*port).second) {
      checker.add(element, fmt::format("{} stands here twice", to_string(*port)));
    } else {
      ports.push_back({*port, element});
    }
  }
  for (const WrittenPort& written : ports) {
    const PortSpec any{written.port.protocol, 0};
    if (written.port.port == 0 || !seen.contains(any)) continue;
    checker.add(written.path,
                fmt::format("{} is part of {}", to_string(written.port), to_string(any)));
  }
  return ports;
}

void check_overlap(Checker& checker, const std::string& service, const IpAddress& address,
                   const WrittenPort& written, Listeners& listeners) {
  std::vector<Listener>& here = listeners[{address, written.port.protocol}];
  for (const Listener& other : here) {
    const bool overlaps =
        other.port == written.port.port || other.port == 0 || written.port.port == 0;
    if (!overlaps || other.service == service) continue;
    checker.add(written.path,
                fmt::format("{} of {} belongs to {}{} already", to_string(written.port),
                            address.to_string(), other.service, checker.place(other.service)));
    return;
  }
  here.push_back({written.port.port, service});
}

void check_backend_addresses(Checker& checker, const std::map<IpAddress, std::string>& services) {
  for (int i = 0; i < checker.policy().pools_size(); ++i) {
    const v1::Pool& pool = checker.policy().pools(i);
    for (int j = 0; j < pool.spec().backends_size(); ++j) {
      const auto address = IpAddress::parse(pool.spec().backends(j).address());
      const auto service = address ? services.find(*address) : services.end();
      if (service == services.end()) continue;
      const std::vector<std::string> paths = backend_paths(checker.path_of("Pool", pool, i), pool);
      checker.add(
          paths[static_cast<size_t>(j)] + ".address",
          fmt::format("{} is the address of {}{}: packets would come back for ever",
                      address->to_string(), service->second, checker.place(service->second)));
    }
  }
}

}  // namespace

std::optional<PortSpec> parse_port(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<uint64_t> port = parse_unsigned(text.substr(slash + 1), UINT16_MAX);
  if (!port) return std::nullopt;
  const auto number = static_cast<uint16_t>(*port);
  const std::string_view protocol = text.substr(0, slash);
  if (protocol == "tcp") return PortSpec{Protocol::kTcp, number};
  if (protocol == "udp") return PortSpec{Protocol::kUdp, number};
  if (protocol == "sctp") return PortSpec{Protocol::kSctp, number};
  return std::nullopt;
}

std::string to_string(const PortSpec& port) {
  const char* protocol = port.protocol == Protocol::kTcp   ? "tcp"
                         : port.protocol == Protocol::kUdp ? "udp"
                                                           : "sctp";
  return fmt::format("{}/{}", protocol, port.port);
}

void check_services(Checker& checker) {
  Listeners listeners;
  std::map<IpAddress, std::string> owners;
  for (int i = 0; i < checker.policy().services_size(); ++i) {
    const v1::Service& service = checker.policy().services(i);
    const std::string path = checker.path_of("Service", service, i);
    checker.check_labels(path + ".metadata.labels", service.metadata().labels());
    const auto addresses = check_addresses(checker, path + ".spec.addresses", service.spec());
    const auto ports = check_ports(checker, path + ".spec.ports", service.spec());
    if (service.spec().has_tcp_idle()) {
      checker.check_duration(path + ".spec.tcp_idle", service.spec().tcp_idle(), kTcpIdle);
    }
    for (const IpAddress& address : addresses) {
      owners.try_emplace(address, path);
      for (const WrittenPort& port : ports)
        check_overlap(checker, path, address, port, listeners);
    }
  }
  check_backend_addresses(checker, owners);
}

}  // namespace sluice::controlplane

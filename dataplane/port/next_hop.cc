// SPDX-License-Identifier: Apache-2.0
//
// The order of precedence between configuration and kernel, one function per step.
#include "dataplane/port/next_hop.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::dataplane {
namespace {

bool is_link_local(const IpAddress& address) {
  const auto bytes = address.bytes();
  return !address.is_ipv4() && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool holds(const InterfaceAddress& own, const IpAddress& address) {
  return own.address.family() == address.family() &&
         IpPrefix::around(own.address, own.prefix_length).contains(address);
}

// The port's own address in the backend's prefix, else its first of that family.
std::optional<IpAddress> source_for(const PortConfig& port, const IpAddress& backend) {
  std::optional<IpAddress> first;
  for (const InterfaceAddress& own : port.addresses) {
    if (own.address.family() != backend.family() || is_link_local(own.address)) continue;
    if (holds(own, backend)) return own.address;
    if (!first) first = own.address;
  }
  return first;
}

std::optional<Way> by_static_neighbor(std::span<const PortFacts> ports, const IpAddress& backend) {
  for (const PortFacts& port : ports) {
    const auto& known = port.config.neighbors;
    const auto found = std::ranges::find(known, backend, &StaticNeighbor::address);
    if (found != known.end()) return Way{.port = &port, .fixed_mac = found->mac};
  }
  return std::nullopt;
}

std::optional<Way> by_prefix(std::span<const PortFacts> ports, const IpAddress& backend) {
  for (const PortFacts& port : ports) {
    const bool on_link = std::ranges::any_of(
        port.config.addresses, [&](const InterfaceAddress& own) { return holds(own, backend); });
    if (!on_link) continue;
    if (port.interface_index != 0) return Way{.port = &port, .neighbor = backend};
    return Way{.obstacle = fmt::format(
                   "{} is on the link of port {}, which has no kernel interface to resolve it: "
                   "list it under neighbors:",
                   backend.to_string(), port.config.name)};
  }
  return std::nullopt;
}

std::optional<Way> by_static_gateway(std::span<const PortFacts> ports, const IpAddress& backend) {
  for (const PortFacts& port : ports) {
    for (const StaticNeighbor& gateway : port.config.gateways) {
      if (gateway.address.family() != backend.family()) continue;
      return Way{.port = &port, .fixed_mac = gateway.mac};
    }
  }
  return std::nullopt;
}

Way by_kernel_route(std::span<const PortFacts> ports, const KernelView& kernel,
                    const IpAddress& backend) {
  const std::optional<KernelRoute> route = kernel.route(backend);
  if (!route) {
    return Way{.obstacle = fmt::format("no route to {} leads over a port", backend.to_string())};
  }
  const auto port = std::ranges::find(ports, route->interface_index, &PortFacts::interface_index);
  if (port == ports.end()) {
    return Way{.obstacle = fmt::format("the route to {} leads over an interface that is no port",
                                       backend.to_string())};
  }
  return Way{.port = &*port, .neighbor = route->via};
}

}  // namespace

Way choose_way(std::span<const PortFacts> ports, const KernelView& kernel,
               const IpAddress& backend) {
  std::optional<Way> way = by_static_neighbor(ports, backend);
  if (!way) way = by_prefix(ports, backend);
  if (!way) way = by_static_gateway(ports, backend);
  if (!way) way = by_kernel_route(ports, kernel, backend);
  if (way->port != nullptr && !source_for(way->port->config, backend)) {
    return Way{.obstacle = fmt::format("port {} has no {} address to send to {} from",
                                       way->port->config.name, backend.is_ipv4() ? "IPv4" : "IPv6",
                                       backend.to_string())};
  }
  return *way;
}

NextHop follow(const Way& way, const KernelView& kernel, const IpAddress& backend) {
  NextHop hop;
  if (way.port == nullptr) return hop;
  hop.port = static_cast<uint8_t>(way.port->config.id);
  hop.mtu = way.port->config.mtu;
  hop.source_mac = way.port->mac;
  hop.source = *source_for(way.port->config, backend);
  const std::optional<MacAddress> mac =
      way.fixed_mac ? way.fixed_mac : kernel.mac(way.port->interface_index, way.neighbor);
  hop.resolved = mac.has_value();
  hop.destination_mac = mac.value_or(MacAddress{});
  return hop;
}

}  // namespace sluice::dataplane

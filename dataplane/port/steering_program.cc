// SPDX-License-Identifier: Apache-2.0
//
// Keeps the steering program's two hash maps in step: endpoints, and the addresses that they have.
#include "dataplane/port/steering_program.h"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/bpf/steer_maps.h"
#include "dataplane/net/byte_order.h"

namespace sluice::dataplane {
namespace {

constexpr char kSocketMap[] = "xsks_map";
constexpr char kEndpointMap[] = "sluice_endpoint";
constexpr char kAddressMap[] = "sluice_address";
constexpr char kStationMap[] = "sluice_station";

void write_mapped(const IpAddress& address, uint8_t (&out)[16]) {
  const auto bytes = address.bytes();
  if (address.is_ipv4()) out[10] = out[11] = 0xff;
  std::ranges::copy(bytes, std::end(out) - static_cast<ptrdiff_t>(bytes.size()));
}

SteerAddressKey address_key(const IpAddress& address) {
  SteerAddressKey key{};
  write_mapped(address, key.address);
  return key;
}

SteerEndpointKey endpoint_key(const SteeredEndpoint& endpoint) {
  SteerEndpointKey key{};
  write_mapped(endpoint.address, key.address);
  key.port_be = Be16::from_host(endpoint.port).raw;
  key.protocol = endpoint.protocol;
  return key;
}

absl::Status describe_foreign(const KernelInterface& interface, const AttachedProgram& program) {
  return absl::FailedPreconditionError(
      fmt::format("interface {0} already runs the XDP program '{1}' (id {2}), which is not ours; "
                  "`ip link set dev {0} xdp off` removes it",
                  interface.name, program.name, program.id));
}

std::set<SteeredEndpoint> difference(const std::set<SteeredEndpoint>& from,
                                     const std::set<SteeredEndpoint>& what) {
  std::set<SteeredEndpoint> left;
  std::ranges::set_difference(from, what, std::inserter(left, left.end()));
  return left;
}

}  // namespace

absl::Status SteeringProgram::remove_leftover(const KernelInterface& interface) {
  const auto found = attached_program(interface.index);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return absl::OkStatus();
  if (!is_ours(**found, STEER_PROGRAM, kSocketMap)) return describe_foreign(interface, **found);
  return detach_program(interface.index, **found);
}

absl::StatusOr<SteeringProgram> SteeringProgram::open(const KernelInterface& interface) {
  const auto found = attached_program(interface.index);
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return absl::FailedPreconditionError(
        fmt::format("interface {} runs no XDP program: its driver took none", interface.name));
  }
  SteeringProgram opened;
  opened.interface_index_ = interface.index;
  opened.program_ = **found;
  auto endpoints = open_program_map(opened.program_.id, kEndpointMap);
  auto addresses = open_program_map(opened.program_.id, kAddressMap);
  const auto station = open_program_map(opened.program_.id, kStationMap);
  if (!endpoints.ok() || !addresses.ok() || !station.ok()) {
    return describe_foreign(interface, **found);
  }
  opened.endpoint_map_ = *std::move(endpoints);
  opened.address_map_ = *std::move(addresses);
  const uint32_t first = 0;
  if (bpf_map_update_elem(station->get(), &first, interface.mac.data(), BPF_ANY) != 0) {
    return absl::InternalError(
        fmt::format("cannot tell the steering program its address: {}", std::strerror(errno)));
  }
  return opened;
}

absl::Status SteeringProgram::add(const std::set<SteeredEndpoint>& endpoints) {
  const uint32_t yes = 1;
  for (const SteeredEndpoint& endpoint : endpoints) {
    const SteerAddressKey address = address_key(endpoint.address);
    const SteerEndpointKey key = endpoint_key(endpoint);
    // The endpoint first: the program asks for the address first, and a known address with an
    // unknown endpoint would reach the kernel.
    if (bpf_map_update_elem(endpoint_map_.get(), &key, &yes, BPF_ANY) != 0 ||
        bpf_map_update_elem(address_map_.get(), &address, &yes, BPF_ANY) != 0) {
      return absl::ResourceExhaustedError(
          fmt::format("the steering program takes no more endpoints at {}: {}",
                      endpoint.address.to_string(), std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

void SteeringProgram::remove(const std::set<SteeredEndpoint>& endpoints,
                             const std::set<SteeredEndpoint>& kept) {
  std::set<IpAddress> kept_addresses;
  for (const SteeredEndpoint& endpoint : kept)
    kept_addresses.insert(endpoint.address);
  for (const SteeredEndpoint& endpoint : endpoints) {
    const SteerEndpointKey key = endpoint_key(endpoint);
    bpf_map_delete_elem(endpoint_map_.get(), &key);
    if (kept_addresses.contains(endpoint.address)) continue;
    const SteerAddressKey address = address_key(endpoint.address);
    bpf_map_delete_elem(address_map_.get(), &address);
  }
}

absl::Status SteeringProgram::steer(const std::set<SteeredEndpoint>& endpoints) {
  const std::set<SteeredEndpoint> added = difference(endpoints, steered_);
  if (const absl::Status status = add(added); !status.ok()) {
    remove(added, steered_);
    return status;
  }
  remove(difference(steered_, endpoints), endpoints);
  steered_ = endpoints;
  return absl::OkStatus();
}

void SteeringProgram::detach() {
  // The driver may have done it already, or the interface may be gone: nothing is left to do then.
  detach_program(interface_index_, program_).IgnoreError();
}

}  // namespace sluice::dataplane

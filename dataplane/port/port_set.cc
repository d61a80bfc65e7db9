// SPDX-License-Identifier: Apache-2.0
//
// The order in which ports come up and go: kernel first, then EAL, then ethdevs, then steering;
// back the same way.
#include "dataplane/port/port_set.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_lcore.h>

#include <map>
#include <set>

#include "dataplane/bpf/interface_claim.h"
#include "dataplane/bpf/xdp_program.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/eal_options.h"
#include "dataplane/port/ethernet_port.h"
#include "dataplane/port/reachability.h"
#include "dataplane/port/steering_program.h"

namespace sluice::dataplane {
namespace {

constexpr char kSteeringObject[] = "steer.bpf.o";

// A DPDK device with its kernel interface.
struct BackedDevice {
  VirtualDevice device;
  KernelInterface interface;
};

bool has_kernel_interface(const VirtualDevice& device) {
  return device.is_af_xdp() || device.name.starts_with("net_af_packet") ||
         device.name.starts_with("eth_af_packet");
}

// False when the user brings an XDP program of their own, which then decides alone.
bool is_steered(const VirtualDevice& device) {
  const std::string program = device.value("xdp_prog");
  return device.is_af_xdp() && (program.empty() || program.ends_with(kSteeringObject));
}

absl::Status check_queues(const BackedDevice& backed) {
  const std::string text = backed.device.value("queue_count");
  const uint64_t served = text.empty() ? 1 : std::strtoull(text.c_str(), nullptr, 10);
  if (!backed.device.is_af_xdp() || backed.interface.rx_queues <= served) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "interface {0} has {1} rx queues but {2} serves {3}, the rest would be lost: run `ethtool -L "
      "{0} combined {3}` or give {2} queue_count={1} and {1} workers",
      backed.interface.name, backed.interface.rx_queues, backed.device.name, served));
}

absl::StatusOr<std::vector<BackedDevice>> find_interfaces(const std::vector<std::string>& eal) {
  std::vector<BackedDevice> found;
  for (const VirtualDevice& device : virtual_devices(eal)) {
    if (!has_kernel_interface(device)) continue;
    const auto interface = find_interface(device.value("iface"));
    if (!interface.ok()) return interface.status();
    found.push_back({device, *interface});
    if (const auto status = check_queues(found.back()); !status.ok()) return status;
  }
  return found;
}

std::string steering_object(const PortSetConfig& config) {
  if (!config.steering_program.empty()) return config.steering_program;
  const auto found = find_bpf_object(kSteeringObject);
  return found.ok() ? *found : kSteeringObject;
}

absl::Status check_ids(const std::vector<PortConfig>& ports) {
  std::set<uint16_t> ids;
  for (const PortConfig& port : ports) {
    if (ids.insert(port.id).second) continue;
    return absl::InvalidArgumentError(
        fmt::format("ports: id {} stands twice, at {} again", port.id, port.name));
  }
  return absl::OkStatus();
}

}  // namespace

struct PortSet::State {
  std::vector<InterfaceClaim> claims;
  std::vector<BackedDevice> backed;
  bool eal_runs = false;
  std::vector<EthernetPort> ports;
  std::vector<SteeringProgram> programs;
  std::optional<Reachability> reachability;
  std::set<SteeredEndpoint> steered;

  ~State();
  absl::Status take_interfaces(const PortSetConfig& config);
  absl::Status start_ports(const PortSetConfig& config);
  absl::Status start_steering();
  absl::Status follow_neighbors(const PortSetConfig& config);
  const BackedDevice* find(uint16_t port) const;
};

PortSet::State::~State() {
  reachability.reset();
  for (SteeringProgram& program : programs)
    program.detach();
  ports.clear();
  if (eal_runs) rte_eal_cleanup();
}

absl::Status PortSet::State::take_interfaces(const PortSetConfig& config) {
  auto found = find_interfaces(config.eal);
  if (!found.ok()) return found.status();
  backed = *std::move(found);
  for (const auto& [device, interface] : backed) {
    if (!device.is_af_xdp()) continue;
    auto claim = InterfaceClaim::take("port", interface.name);
    if (!claim.ok()) return claim.status();
    claims.push_back(*std::move(claim));
    if (const auto status = SteeringProgram::remove_leftover(interface); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

const BackedDevice* PortSet::State::find(uint16_t port) const {
  const std::string name = device_name(port);
  for (const BackedDevice& candidate : backed) {
    if (candidate.device.name == name) return &candidate;
  }
  return nullptr;
}

absl::Status PortSet::State::start_ports(const PortSetConfig& config) {
  const auto workers = static_cast<uint16_t>(rte_lcore_count() - 1);
  for (const PortConfig& port : config.ports) {
    const BackedDevice* own = find(port.id);
    const auto interface = own != nullptr ? std::optional(own->interface) : std::nullopt;
    auto started = EthernetPort::start(port, workers, config.buffers, interface);
    if (!started.ok()) return started.status();
    ports.push_back(*std::move(started));
  }
  return absl::OkStatus();
}

absl::Status PortSet::State::start_steering() {
  for (const auto& [device, interface] : backed) {
    if (!is_steered(device)) continue;
    auto program = SteeringProgram::open(interface);
    if (!program.ok()) return program.status();
    programs.push_back(*std::move(program));
  }
  return absl::OkStatus();
}

absl::Status PortSet::State::follow_neighbors(const PortSetConfig& config) {
  std::vector<PortFacts> facts;
  for (size_t i = 0; i < ports.size(); i++) {
    const BackedDevice* own = find(config.ports[i].id);
    facts.push_back({.config = config.ports[i],
                     .interface_index = own != nullptr ? own->interface.index : 0,
                     .mac = ports[i].mac()});
  }
  auto opened = Reachability::open(std::move(facts));
  if (!opened.ok()) return opened.status();
  reachability.emplace(*std::move(opened));
  return absl::OkStatus();
}

std::vector<std::string> PortSet::eal_arguments(const PortSetConfig& config) {
  return complete_eal(config.eal, config.node, steering_object(config));
}

absl::StatusOr<std::unique_ptr<PortSet>> PortSet::open(const PortSetConfig& config) {
  auto state = std::make_unique<State>();
  if (const auto status = check_ids(config.ports); !status.ok()) return status;
  if (const auto status = check_memory(config.eal); !status.ok()) return status;
  if (const auto status = state->take_interfaces(config); !status.ok()) return status;
  if (const auto status = start_eal(eal_arguments(config)); !status.ok()) return status;
  state->eal_runs = true;
  if (const auto status = state->start_ports(config); !status.ok()) return status;
  if (const auto status = state->start_steering(); !status.ok()) return status;
  if (const auto status = state->follow_neighbors(config); !status.ok()) return status;
  return std::unique_ptr<PortSet>(new PortSet(std::move(state)));
}

PortSet::PortSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
PortSet::~PortSet() = default;

std::vector<RuntimePort> PortSet::runtime_ports() const {
  std::vector<RuntimePort> ports;
  for (const EthernetPort& port : state_->ports)
    ports.push_back(port.runtime_port());
  return ports;
}

std::vector<PortState> PortSet::states() const {
  std::vector<PortState> states;
  for (const EthernetPort& port : state_->ports)
    states.push_back(port.state());
  return states;
}

absl::Status PortSet::steer(const std::vector<SteeredEndpoint>& endpoints) {
  const std::set<SteeredEndpoint> wanted(endpoints.begin(), endpoints.end());
  for (size_t i = 0; i < state_->programs.size(); i++) {
    const absl::Status status = state_->programs[i].steer(wanted);
    if (status.ok()) continue;
    // Those that took the new set had room for the old one a moment ago.
    for (size_t j = 0; j < i; j++)
      state_->programs[j].steer(state_->steered).IgnoreError();
    return status;
  }
  state_->steered = wanted;
  return absl::OkStatus();
}

void PortSet::watch(const std::vector<IpAddress>& backends) {
  state_->reachability->watch(backends);
}

bool PortSet::poll_neighbors() {
  return state_->reachability->poll();
}

NextHop PortSet::next_hop(const IpAddress& backend) const {
  return state_->reachability->next_hop(backend);
}

std::string PortSet::unresolved_reason(const IpAddress& backend) const {
  return state_->reachability->unresolved_reason(backend);
}

}  // namespace sluice::dataplane

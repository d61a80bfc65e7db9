// SPDX-License-Identifier: Apache-2.0
//
// Configurations that the PortSet tests start from.
#pragma once

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/port/port_set.h"

namespace sluice::dataplane {

// One worker on the main lcore's processor, private files, the devices given.
inline PortSetConfig config_with(const std::vector<std::string>& devices, PuntMode punt) {
  PortSetConfig config;
  config.node = "test-" + std::to_string(getpid());
  config.eal = {"--no-pci", "--no-huge", "-m", "128", "--no-telemetry", "--lcores", "0@0,1@0"};
  config.eal.insert(config.eal.end(), devices.begin(), devices.end());
  config.buffers = 8192;
  config.steering_program = STEERING_PROGRAM;
  PortConfig port{.name = "uplink", .punt = punt};
  port.addresses = {{*IpAddress::parse("10.9.0.1"), 24}, {*IpAddress::parse("fd09::1"), 64}};
  config.ports = {port};
  return config;
}

inline PortSetConfig af_xdp_config() {
  return config_with({"--vdev=net_af_xdp0,iface=near"}, PuntMode::kKernel);
}

// What DPDK leaves in its runtime folder after this process.
inline void remove_runtime_files(const PortSetConfig& config) {
  std::error_code absent;
  for (const std::string folder : {"/var/run/dpdk/sluice-", "/tmp/dpdk/sluice-"}) {
    std::filesystem::remove_all(folder + config.node, absent);
  }
}

// "ok" or the error, with the port set closed again.
inline std::string outcome_of(const PortSetConfig& config) {
  const auto ports = PortSet::open(config);
  remove_runtime_files(config);
  return ports.ok() ? "ok" : std::string(ports.status().message());
}

}  // namespace sluice::dataplane

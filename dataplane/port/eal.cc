// SPDX-License-Identifier: Apache-2.0
//
// EAL's start: checks before it, one line out of its log after it.
#include "dataplane/port/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "dataplane/port/dpdk_log.h"
#include "dataplane/port/eal_options.h"

namespace sluice::dataplane {
namespace {

uint64_t free_hugepages() {
  uint64_t total = 0;
  std::error_code error;
  const std::filesystem::directory_iterator sizes("/sys/kernel/mm/hugepages", error);
  if (error) return 0;
  for (const auto& size : sizes) {
    uint64_t pages = 0;
    std::ifstream(size.path() / "free_hugepages") >> pages;
    total += pages;
  }
  return total;
}

// What the kernel could give without swapping; UINT64_MAX when it does not say.
uint64_t available_mebibytes() {
  std::ifstream facts("/proc/meminfo");
  std::string name;
  uint64_t kibibytes = 0;
  for (std::string unit; facts >> name >> kibibytes; std::getline(facts, unit)) {
    if (name == "MemAvailable:") return kibibytes / 1024;
  }
  return UINT64_MAX;
}

// Without hugepages EAL touches all that it is asked for: minutes of swapping, and no word why.
absl::Status check_asked(const std::vector<std::string>& eal) {
  const uint64_t available = available_mebibytes();
  const std::optional<uint64_t> asked = asked_mebibytes(eal);
  if (!asked || *asked <= available) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("eal: -m asks for {} MiB, and {} MiB are available", *asked, available));
}

absl::Status refusal(int error, const std::string& complaint) {
  const std::string text =
      fmt::format("eal: {}", complaint.empty() ? rte_strerror(error) : complaint);
  if (error == EALREADY) return absl::FailedPreconditionError(text);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  return absl::InvalidArgumentError(text);
}

// EAL starts even when it could not make a device.
absl::Status check_devices(const std::vector<std::string>& arguments,
                           const std::string& complaint) {
  for (const VirtualDevice& device : virtual_devices(arguments)) {
    uint16_t port = 0;
    const bool is_port = device.name.starts_with("net_") || device.name.starts_with("eth_");
    if (!is_port || rte_eth_dev_get_port_by_name(device.name.c_str(), &port) == 0) continue;
    return absl::InvalidArgumentError(
        fmt::format("eal: cannot make device {}: {}", device.name, complaint));
  }
  return absl::OkStatus();
}

absl::Status check_workers() {
  if (rte_lcore_count() >= 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "eal: needs a main lcore and at least one worker, for example \"-l\", \"0-1\" or "
      "\"--lcores\", \"0@0,1@0\"");
}

}  // namespace

absl::Status check_memory(const std::vector<std::string>& eal) {
  if (has_option(eal, "--no-huge")) return check_asked(eal);
  if (free_hugepages() == 0) {
    return absl::FailedPreconditionError(
        "no free hugepages: run `sysctl vm.nr_hugepages=1024`, or add \"--no-huge\", \"-m\", "
        "\"1024\" to eal:");
  }
  std::ifstream mounts("/proc/mounts");
  if (has_option(eal, "--in-memory") || has_hugepage_mount(mounts)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "hugepages are not mounted: run `mkdir -p /dev/hugepages && mount -t hugetlbfs hugetlbfs "
      "/dev/hugepages`, or add \"--no-huge\", \"-m\", \"1024\" to eal:");
}

absl::Status start_eal(const std::vector<std::string>& arguments) {
  std::vector<std::string> owned = arguments;
  owned.insert(owned.begin(), "sluice-dataplane");
  std::vector<char*> pointers;
  for (std::string& argument : owned)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);

  // What runs well is not worth a line, unless the user asks for it.
  if (!has_option(arguments, "--log-level")) rte_log_set_global_level(RTE_LOG_WARNING);
  const DpdkLogCapture log;
  if (rte_eal_init(static_cast<int>(owned.size()), pointers.data()) < 0) {
    return refusal(rte_errno, log.complaint());
  }
  absl::Status status = check_workers();
  if (status.ok()) status = check_devices(arguments, log.complaint());
  if (!status.ok()) rte_eal_cleanup();
  return status;
}

}  // namespace sluice::dataplane

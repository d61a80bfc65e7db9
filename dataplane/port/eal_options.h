// SPDX-License-Identifier: Apache-2.0
//
// The user's `eal:` list, read far enough to know its virtual devices and switches.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::dataplane {

// One `--vdev=NAME,KEY=VALUE,…`.
struct VirtualDevice {
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;

  // The value of the first argument with this key; empty when there is none.
  std::string value(std::string_view key) const;
  bool is_af_xdp() const { return name.starts_with("net_af_xdp"); }
};

std::vector<VirtualDevice> virtual_devices(const std::vector<std::string>& eal);

// True when the list has `option`, alone or as OPTION=VALUE.
bool has_option(const std::vector<std::string>& eal, std::string_view option);

// What `-m` asks for, in any of its spellings.  Errors: nullopt when it is not there, or is no
// number: EAL then says so.
std::optional<uint64_t> asked_mebibytes(const std::vector<std::string>& eal);

// Whether one of these mounts, as in /proc/mounts, gives hugepages: where EAL takes them from.
bool has_hugepage_mount(std::istream& mounts);

// The list with --file-prefix=sluice-NODE and, for AF_XDP devices that name no program,
// xdp_prog=STEERING_PROGRAM.
std::vector<std::string> complete_eal(const std::vector<std::string>& eal, std::string_view node,
                                      std::string_view steering_program);

}  // namespace sluice::dataplane

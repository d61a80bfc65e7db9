// SPDX-License-Identifier: Apache-2.0
//
// Reads EAL's own syntax for --vdev, which takes its value behind "=" or as the next argument.
#include "dataplane/port/eal_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace sluice::dataplane {
namespace {

constexpr std::string_view kVdev = "--vdev";

VirtualDevice parse_device(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  VirtualDevice device{.name = parts.front()};
  for (size_t i = 1; i < parts.size(); i++) {
    const size_t equals = std::min(parts[i].find('='), parts[i].size());
    const size_t value = std::min(equals + 1, parts[i].size());
    device.arguments.emplace_back(parts[i].substr(0, equals), parts[i].substr(value));
  }
  return device;
}

// The device that the argument at `position` describes, in either spelling.
std::optional<VirtualDevice> device_at(const std::vector<std::string>& eal, size_t position) {
  const std::string& argument = eal[position];
  if (argument.starts_with("--vdev=")) return parse_device(argument.substr(kVdev.size() + 1));
  if (position > 0 && eal[position - 1] == kVdev) return parse_device(argument);
  return std::nullopt;
}

}  // namespace

std::string VirtualDevice::value(std::string_view key) const {
  const auto found = std::ranges::find(arguments, key, &std::pair<std::string, std::string>::first);
  return found == arguments.end() ? "" : found->second;
}

std::vector<VirtualDevice> virtual_devices(const std::vector<std::string>& eal) {
  std::vector<VirtualDevice> found;
  for (size_t i = 0; i < eal.size(); i++) {
    if (auto device = device_at(eal, i)) found.push_back(*std::move(device));
  }
  return found;
}

bool has_option(const std::vector<std::string>& eal, std::string_view option) {
  return std::ranges::any_of(eal, [&](const std::string& argument) {
    return argument == option || argument.starts_with(fmt::format("{}=", option));
  });
}

std::optional<uint64_t> asked_mebibytes(const std::vector<std::string>& eal) {
  std::optional<uint64_t> asked;
  for (size_t i = 0; i < eal.size(); i++) {
    if (!eal[i].starts_with("-m")) continue;
    const std::string& value = eal[i] == "-m" && i + 1 < eal.size() ? eal[i + 1] : eal[i];
    const size_t begin = &value == &eal[i] ? 2 : 0;
    uint64_t number = 0;
    asked = absl::SimpleAtoi(value.substr(begin), &number) ? std::optional<uint64_t>(number)
                                                           : std::nullopt;
  }
  return asked;
}

std::vector<std::string> complete_eal(const std::vector<std::string>& eal, std::string_view node,
                                      std::string_view steering_program) {
  std::vector<std::string> completed = eal;
  for (size_t i = 0; i < eal.size(); i++) {
    const auto device = device_at(eal, i);
    if (!device || !device->is_af_xdp() || !device->value("xdp_prog").empty()) continue;
    completed[i] += fmt::format(",xdp_prog={}", steering_program);
  }
  if (!has_option(eal, "--file-prefix")) {
    completed.push_back(fmt::format("--file-prefix=sluice-{}", node));
  }
  return completed;
}

bool has_hugepage_mount(std::istream& mounts) {
  for (std::string device, directory, type, rest; mounts >> device >> directory >> type;) {
    if (type == "hugetlbfs") return true;
    std::getline(mounts, rest);
  }
  return false;
}

}  // namespace sluice::dataplane

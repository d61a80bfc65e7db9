// SPDX-License-Identifier: Apache-2.0
//
// Loads the decapsulation object by libbpf, fills its maps before it sees a packet, then attaches
// it.
#include "dataplane/backend/decapsulation.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

namespace sluice::dataplane {
namespace {

constexpr char kLocalMap[] = "sluice_local";
constexpr char kSourceMap[] = "sluice_source";
constexpr char kCounterMap[] = "sluice_decapped";
constexpr uint32_t kMappedBits = 96;  // of ::ffff:0:0 before an IPv4 address

struct ObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, ObjectCloser>;

std::array<uint8_t, 16> mapped(const IpAddress& address) {
  std::array<uint8_t, 16> out{};
  const std::span<const uint8_t> bytes = address.bytes();
  if (address.is_ipv4()) out[10] = out[11] = 0xff;
  std::ranges::copy(bytes, out.end() - static_cast<ptrdiff_t>(bytes.size()));
  return out;
}

absl::StatusOr<Object> load_object() {
  const auto file = find_bpf_object("decap.bpf.o");
  if (!file.ok()) return file.status();
  libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
  Object object(bpf_object__open_file(file->c_str(), nullptr));
  if (object == nullptr) {
    return absl::InternalError(fmt::format("cannot read {}: {}", *file, std::strerror(errno)));
  }
  if (const int error = bpf_object__load(object.get()); error == -EPERM || error == -EACCES) {
    return absl::PermissionDeniedError("the kernel refuses to load XDP programs: run as root");
  } else if (error != 0) {
    return absl::InternalError(
        fmt::format("the kernel does not take {}: {}", *file, std::strerror(-error)));
  }
  return object;
}

absl::Status fill_sources(const bpf_object* object, const std::vector<IpPrefix>& sources) {
  const int map = bpf_object__find_map_fd_by_name(object, kSourceMap);
  const uint32_t allowed = 1;
  const DecapSourceKey all{};
  if (sources.empty() && bpf_map_update_elem(map, &all, &allowed, BPF_ANY) != 0) {
    return absl::InternalError(fmt::format("cannot allow all sources: {}", std::strerror(errno)));
  }
  for (const IpPrefix& prefix : sources) {
    DecapSourceKey key{.prefix_length = prefix.length()};
    if (prefix.address().is_ipv4()) key.prefix_length += kMappedBits;
    std::ranges::copy(mapped(prefix.address()), key.address);
    if (bpf_map_update_elem(map, &key, &allowed, BPF_ANY) != 0) {
      return absl::ResourceExhaustedError(
          fmt::format("cannot allow source {}: {}", prefix.to_string(), std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

// The program that an earlier run left, if any.
absl::StatusOr<std::optional<AttachedProgram>> leftover(const std::string& interface, int index) {
  auto found = attached_program(index);
  if (!found.ok() || !found->has_value()) return found;
  if (!is_ours(**found, DECAP_PROGRAM, kCounterMap)) {
    return absl::FailedPreconditionError(
        fmt::format("{0} already runs the XDP program '{1}' (id {2}), which is not ours; "
                    "`ip link set dev {0} xdp off` removes it",
                    interface, (*found)->name, (*found)->id));
  }
  return found;
}

absl::StatusOr<DecapCounts> read_counts(int map) {
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) return absl::InternalError("cannot count the processors");
  std::vector<DecapCounter> values(static_cast<size_t>(processors));
  DecapCounts counts{};
  for (uint32_t i = 0; i < kDecapCounterCount; i++) {
    if (bpf_map_lookup_elem(map, &i, values.data()) != 0) {
      return absl::InternalError(fmt::format("cannot read counters: {}", std::strerror(errno)));
    }
    for (const DecapCounter& value : values) {
      counts[i].packets += value.packets;
      counts[i].bytes += value.bytes;
    }
  }
  return counts;
}

}  // namespace

std::string_view counter_name(size_t index) {
  static constexpr std::array<std::string_view, kDecapCounterCount> kNames = {
      "4in4", "6in4", "4in6", "6in6", "passed", "refused", "fragment", "malformed"};
  return kNames.at(index);
}

absl::StatusOr<Decapsulation> Decapsulation::attach(const DecapsulationConfig& config) {
  const auto index = sluice::dataplane::interface_index(config.interface);
  if (!index.ok()) return index.status();
  const auto object = load_object();
  if (!object.ok()) return object.status();
  const auto replaced = leftover(config.interface, *index);
  if (!replaced.ok()) return replaced.status();

  Decapsulation made;
  made.interface_ = config.interface;
  made.interface_index_ = *index;
  made.local_map_ = OwnedFd(dup(bpf_object__find_map_fd_by_name(object->get(), kLocalMap)));
  made.counter_map_ = OwnedFd(dup(bpf_object__find_map_fd_by_name(object->get(), kCounterMap)));
  if (const auto status = fill_sources(object->get(), config.sources); !status.ok()) return status;
  if (const auto status = made.refresh_addresses(); !status.ok()) return status;
  const int program =
      bpf_program__fd(bpf_object__find_program_by_name(object->get(), DECAP_PROGRAM));
  if (const auto status = attach_program(*index, program, config.mode, *replaced); !status.ok()) {
    return status;
  }
  const auto attached = attached_program(*index);
  if (!attached.ok()) return attached.status();
  if (!attached->has_value()) return absl::AbortedError("the program was detached at once");
  made.program_ = **attached;
  return made;
}

absl::Status Decapsulation::refresh_addresses() {
  auto present = interface_addresses(interface_);
  if (!present.ok()) return present.status();
  const uint32_t yes = 1;
  for (const IpAddress& address : *present) {
    const auto key = mapped(address);
    if (bpf_map_update_elem(local_map_.get(), key.data(), &yes, BPF_ANY) != 0) {
      return absl::ResourceExhaustedError(
          fmt::format("cannot add the address {}: {}", address.to_string(), std::strerror(errno)));
    }
  }
  for (const IpAddress& address : local_) {
    if (std::ranges::binary_search(*present, address)) continue;
    bpf_map_delete_elem(local_map_.get(), mapped(address).data());
  }
  local_ = *std::move(present);
  return absl::OkStatus();
}

absl::StatusOr<DecapCounts> Decapsulation::counts() const {
  return read_counts(counter_map_.get());
}

absl::Status Decapsulation::detach() {
  return detach_program(interface_index_, program_);
}

absl::StatusOr<DecapCounts> running_counts(const std::string& interface) {
  const auto index = interface_index(interface);
  if (!index.ok()) return index.status();
  const auto program = attached_program(*index);
  if (!program.ok()) return program.status();
  if (!program->has_value() || !is_ours(**program, DECAP_PROGRAM, kCounterMap)) {
    return absl::NotFoundError(fmt::format("no sluice-backend decapsulates on {}", interface));
  }
  const auto map = open_program_map((*program)->id, kCounterMap);
  if (!map.ok()) return map.status();
  return read_counts(map->get());
}

absl::StatusOr<std::vector<IpAddress>> interface_addresses(const std::string& interface) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) {
    return absl::InternalError(fmt::format("cannot list addresses: {}", std::strerror(errno)));
  }
  std::vector<IpAddress> found;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || interface != entry->ifa_name) continue;
    std::span<const uint8_t> bytes;
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      bytes = {reinterpret_cast<const uint8_t*>(&ipv4->sin_addr), 4};
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      bytes = {reinterpret_cast<const uint8_t*>(&ipv6->sin6_addr), 16};
    }
    if (const auto address = IpAddress::from_bytes(bytes)) found.push_back(*address);
  }
  freeifaddrs(first);
  std::ranges::sort(found);
  return found;
}

absl::StatusOr<int> interface_index(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) {
    return absl::NotFoundError(
        fmt::format("interface {} does not exist in this network namespace", interface));
  }
  return static_cast<int>(index);
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// XDP programs by libbpf's system call wrappers; netlink replaces a program by its predecessor's
// descriptor.
#include "dataplane/bpf/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace sluice::dataplane {
namespace {

absl::Status error_of(int error, std::string_view doing) {
  const std::string text = fmt::format("{}: {}", doing, std::strerror(error));
  if (error == EPERM || error == EACCES) {
    return absl::PermissionDeniedError(text + " (run as root)");
  }
  return absl::InternalError(text);
}

uint32_t flag_of(XdpMode mode) {
  if (mode == XdpMode::kGeneric) return XDP_FLAGS_SKB_MODE;
  return mode == XdpMode::kNative ? XDP_FLAGS_DRV_MODE : 0;
}

absl::StatusOr<bpf_prog_info> describe(int program_fd, std::vector<uint32_t>& map_ids) {
  bpf_prog_info facts{};
  uint32_t size = sizeof(facts);
  if (bpf_obj_get_info_by_fd(program_fd, &facts, &size) != 0) {
    return error_of(errno, "cannot read an XDP program's description");
  }
  map_ids.resize(facts.nr_map_ids);
  bpf_prog_info again{};
  again.nr_map_ids = facts.nr_map_ids;
  again.map_ids = reinterpret_cast<uintptr_t>(map_ids.data());
  size = sizeof(again);
  if (bpf_obj_get_info_by_fd(program_fd, &again, &size) != 0) {
    return error_of(errno, "cannot read an XDP program's maps");
  }
  return again;
}

std::string map_name_of(int map_fd) {
  bpf_map_info facts{};
  uint32_t size = sizeof(facts);
  return bpf_obj_get_info_by_fd(map_fd, &facts, &size) == 0 ? std::string(facts.name) : "";
}

int attach_once(int interface_index, int program_fd, uint32_t flags,
                const std::optional<AttachedProgram>& replaced) {
  if (!replaced) {
    return bpf_xdp_attach(interface_index, program_fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST,
                          nullptr);
  }
  const OwnedFd old(bpf_prog_get_fd_by_id(replaced->id));
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old.get());
  return bpf_xdp_attach(interface_index, program_fd, flags | XDP_FLAGS_REPLACE, &options);
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::optional<AttachedProgram>> attached_program(int interface_index) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (const int error = bpf_xdp_query(interface_index, 0, &query); error < 0) {
    return error_of(-error, "cannot ask for the interface's XDP program");
  }
  const uint32_t id = query.prog_id != 0 ? query.prog_id : query.drv_prog_id;
  if (id == 0) return std::nullopt;
  const OwnedFd fd(bpf_prog_get_fd_by_id(id));
  if (!fd.is_open()) return error_of(errno, "cannot open the interface's XDP program");
  std::vector<uint32_t> map_ids;
  const auto facts = describe(fd.get(), map_ids);
  if (!facts.ok()) return facts.status();
  AttachedProgram found{.id = id, .name = facts->name};
  if (query.attach_mode == XDP_ATTACHED_SKB) found.mode = XdpMode::kGeneric;
  return found;
}

absl::StatusOr<OwnedFd> open_program_map(uint32_t program_id, std::string_view map_name) {
  const OwnedFd program(bpf_prog_get_fd_by_id(program_id));
  if (!program.is_open()) return error_of(errno, "cannot open an XDP program");
  std::vector<uint32_t> map_ids;
  if (const auto facts = describe(program.get(), map_ids); !facts.ok()) return facts.status();
  for (const uint32_t id : map_ids) {
    OwnedFd map(bpf_map_get_fd_by_id(id));
    if (map.is_open() && map_name_of(map.get()) == map_name) return map;
  }
  return absl::NotFoundError(fmt::format("the XDP program has no map {}", map_name));
}

bool is_ours(const AttachedProgram& program, std::string_view program_name,
             std::string_view map_name) {
  return program.name == program_name && open_program_map(program.id, map_name).ok();
}

absl::Status detach_program(int interface_index, const AttachedProgram& program) {
  const OwnedFd fd(bpf_prog_get_fd_by_id(program.id));
  if (!fd.is_open()) return absl::OkStatus();
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd.get());
  const int error =
      bpf_xdp_detach(interface_index, flag_of(program.mode) | XDP_FLAGS_REPLACE, &options);
  if (error < 0 && error != -EEXIST && error != -ENODEV) {
    return error_of(-error, "cannot detach the XDP program");
  }
  return absl::OkStatus();
}

absl::Status attach_program(int interface_index, int program_fd, XdpMode mode,
                            const std::optional<AttachedProgram>& replaced) {
  if (replaced && mode != XdpMode::kAuto && mode != replaced->mode) {
    const absl::Status detached = detach_program(interface_index, *replaced);
    if (!detached.ok()) return detached;
    return attach_program(interface_index, program_fd, mode, std::nullopt);
  }
  const XdpMode first = mode != XdpMode::kAuto ? mode
                        : replaced             ? replaced->mode
                                               : XdpMode::kNative;
  int error = attach_once(interface_index, program_fd, flag_of(first), replaced);
  if (error < 0 && mode == XdpMode::kAuto && !replaced && error != -EBUSY && error != -EPERM) {
    error = attach_once(interface_index, program_fd, flag_of(XdpMode::kGeneric), std::nullopt);
  }
  if (error == -EOPNOTSUPP && mode == XdpMode::kNative) {
    return absl::FailedPreconditionError(
        "the interface's driver has no native XDP: use --mode generic");
  }
  return error < 0 ? error_of(-error, "cannot attach the XDP program") : absl::OkStatus();
}

absl::StatusOr<std::string> find_bpf_object(std::string_view file_name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::NotFoundError("cannot read /proc/self/exe");
  const std::filesystem::path folder = self.parent_path();
  const std::array<std::filesystem::path, 2> folders = {
      folder.parent_path() / "bpf", folder.parent_path() / SLUICE_LIBDIR / "sluice"};
  for (const auto& candidate : folders) {
    const std::filesystem::path file = candidate / file_name;
    if (std::filesystem::exists(file, error)) return file.string();
  }
  return absl::NotFoundError(fmt::format("{} is missing; looked in {} and {}", file_name,
                                         folders[0].string(), folders[1].string()));
}

}  // namespace sluice::dataplane

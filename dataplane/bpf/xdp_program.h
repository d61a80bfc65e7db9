// SPDX-License-Identifier: Apache-2.0
//
// XDP programs on interfaces: which one is attached, whether it is ours, its maps, replacing and
// detaching it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::dataplane {

// Closes a file descriptor when it goes.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd();
  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

enum class XdpMode : uint8_t { kAuto, kNative, kGeneric };

struct AttachedProgram {
  uint32_t id = 0;
  std::string name;
  XdpMode mode = XdpMode::kNative;
};

// The program on this interface; nullopt when there is none.
// Errors: PERMISSION_DENIED, INTERNAL (the kernel does not answer).
absl::StatusOr<std::optional<AttachedProgram>> attached_program(int interface_index);

// The map of this name of the program with this id.
// Errors: NOT_FOUND, PERMISSION_DENIED.
absl::StatusOr<OwnedFd> open_program_map(uint32_t program_id, std::string_view map_name);

// True when the program carries our name and this map: a leftover of ours, not a namesake.
bool is_ours(const AttachedProgram& program, std::string_view program_name,
             std::string_view map_name);

// Detaches `program` unless another has taken its place meanwhile.
absl::Status detach_program(int interface_index, const AttachedProgram& program);

// Puts the loaded program on the interface, in one step in the place of `replaced` when that is
// given. kAuto: the mode of `replaced`, else native, else generic.
absl::Status attach_program(int interface_index, int program_fd, XdpMode mode,
                            const std::optional<AttachedProgram>& replaced);

// Where the object file of this name is: in the build tree or in the installed prefix of the
// running binary. Errors: NOT_FOUND, naming where was looked.
absl::StatusOr<std::string> find_bpf_object(std::string_view file_name);

}  // namespace sluice::dataplane

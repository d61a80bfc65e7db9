// SPDX-License-Identifier: Apache-2.0
//
// Interface facts by ioctl, which sees this thread's network namespace whatever is mounted at /sys.
#include "dataplane/port/kernel_interface.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/bpf/xdp_program.h"

namespace sluice::dataplane {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

// A driver that has no channels has one queue, as DPDK assumes too.
uint32_t count_rx_queues(int socket, const std::string& name) {
  ethtool_channels channels{.cmd = ETHTOOL_GCHANNELS};
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  if (ioctl(socket, SIOCETHTOOL, &request) != 0) return 1;
  return std::max(1u, channels.rx_count + channels.combined_count);
}

}  // namespace

absl::StatusOr<KernelInterface> find_interface(const std::string& name) {
  KernelInterface found{.name = name, .index = static_cast<int>(if_nametoindex(name.c_str()))};
  if (found.index == 0) {
    return absl::FailedPreconditionError(
        fmt::format("eal: interface {} does not exist in this network namespace", name));
  }
  const OwnedFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq mac = request_for(name), mtu = mac, flags = mac;
  if (ioctl(socket.get(), SIOCGIFHWADDR, &mac) != 0 || ioctl(socket.get(), SIOCGIFMTU, &mtu) != 0 ||
      ioctl(socket.get(), SIOCGIFFLAGS, &flags) != 0) {
    return absl::InternalError(
        fmt::format("cannot read interface {}: {}", name, std::strerror(errno)));
  }
  std::copy_n(mac.ifr_hwaddr.sa_data, found.mac.size(), found.mac.begin());
  found.mtu = static_cast<uint16_t>(std::min(mtu.ifr_mtu, 65535));
  found.is_up = (flags.ifr_flags & IFF_UP) != 0;
  found.rx_queues = count_rx_queues(socket.get(), name);
  return found;
}

}  // namespace sluice::dataplane

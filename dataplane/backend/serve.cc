// SPDX-License-Identifier: Apache-2.0
//
// One poll over three descriptors: signals, address changes told by the kernel, the printing timer.
#include "dataplane/backend/serve.h"

#include <fmt/core.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::dataplane {
namespace {

OwnedFd open_address_changes() {
  OwnedFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (bind(netlink.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return OwnedFd();
  }
  return netlink;
}

OwnedFd open_timer(std::chrono::seconds interval) {
  OwnedFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec period{.it_interval = {.tv_sec = interval.count()},
                          .it_value = {.tv_sec = interval.count()}};
  timerfd_settime(timer.get(), 0, &period, nullptr);
  return timer;
}

// What the messages say does not matter: the addresses are read anew.
void drain(int fd) {
  std::array<char, 8192> scratch;
  while (read(fd, scratch.data(), scratch.size()) > 0) {
  }
}

}  // namespace

OwnedFd catch_stop_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  return OwnedFd(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

absl::Status serve(Decapsulation& decapsulation, const OwnedFd& stop,
                   std::chrono::seconds interval) {
  const OwnedFd changes = open_address_changes();
  const OwnedFd timer = open_timer(interval);
  std::array<pollfd, 3> waits = {{{.fd = stop.get(), .events = POLLIN},
                                  {.fd = changes.get(), .events = POLLIN},
                                  {.fd = timer.get(), .events = POLLIN}}};
  // An address that came between attaching and listening for changes is seen here.
  absl::Status status = decapsulation.refresh_addresses();
  while (status.ok()) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      return absl::InternalError(fmt::format("cannot wait: {}", std::strerror(errno)));
    }
    if (waits[0].revents != 0) return absl::OkStatus();
    if (waits[1].revents != 0) {
      drain(changes.get());
      status = decapsulation.refresh_addresses();
      spdlog::info("the interface has {} addresses", decapsulation.address_count());
    }
    if (waits[2].revents != 0) {
      drain(timer.get());
      if (const auto counts = decapsulation.counts(); counts.ok()) print_counts(*counts);
    }
  }
  return status;
}

void print_counts(const DecapCounts& counts) {
  for (size_t i = 0; i < counts.size(); i++) {
    fmt::print("{} packets {} bytes {}\n", counter_name(i), counts[i].packets, counts[i].bytes);
  }
  std::fflush(stdout);
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The wire by iproute2, frames byte by byte.
#include "veth_pair.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <span>
#include <thread>

#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {
namespace {

constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kFragmentHeader = 44;

void put16(std::vector<uint8_t>& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

void put(std::vector<uint8_t>& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// A raw socket of another process's network namespace; namespaces belong to threads, so one goes
// there and ends.
int open_socket_in(pid_t process, const std::string& interface) {
  int made = -1;
  std::thread visitor([&] {
    const int there = open(("/proc/" + std::to_string(process) + "/ns/net").c_str(), O_RDONLY);
    if (setns(there, CLONE_NEWNET) != 0) std::abort();
    close(there);
    made = socket(AF_PACKET, SOCK_RAW, 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    if (bind(made, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
  });
  visitor.join();
  return made;
}

std::vector<uint8_t> ipv4_packet(const FrameShape& shape, const IpAddress& destination) {
  std::vector<uint8_t> out;
  const unsigned header = 20 + 4u * shape.extension_headers;
  out.push_back(static_cast<uint8_t>(0x40 | header / 4));
  out.push_back(0);
  put16(out, header + 20);
  put16(out, 1);
  put16(out, shape.fragment ? 0x2000 : 0x4000);
  out.push_back(64);
  out.push_back(shape.protocol);
  put16(out, 0);
  put(out, IpAddress::parse("198.51.100.7")->bytes());
  put(out, destination.bytes());
  out.insert(out.end(), 4u * shape.extension_headers, 1);  // no operation
  return out;
}

std::vector<uint8_t> ipv6_packet(const FrameShape& shape, const IpAddress& destination) {
  std::vector<uint8_t> out = {0x60, 0, 0, 0};
  const unsigned extensions = 8u * shape.extension_headers + (shape.fragment ? 8 : 0);
  put16(out, extensions + 20);
  const uint8_t last = shape.fragment ? kFragmentHeader : shape.protocol;
  out.push_back(shape.extension_headers > 0 ? kDestinationOptions : last);
  out.push_back(64);
  put(out, IpAddress::parse("2001:db8:e::7")->bytes());
  put(out, destination.bytes());
  for (uint8_t i = 0; i < shape.extension_headers; i++) {
    out.push_back(i + 1 < shape.extension_headers ? kDestinationOptions : last);
    put(out, std::array<uint8_t, 7>{0, 1, 4, 0, 0, 0, 0});
  }
  if (shape.fragment) put(out, std::array<uint8_t, 8>{shape.protocol, 0, 0, 1, 0, 0, 0, 1});
  return out;
}

}  // namespace

VethPair::VethPair()
    : far_([](const std::function<void()>& ready) {
        if (unshare(CLONE_NEWNET) != 0) std::abort();
        ready();
      }) {
  shell("ip link add near type veth peer name far address 02:00:00:00:00:02 netns " +
        std::to_string(far_.id()));
  shell(
      "ip link set lo up; ip addr add 10.9.0.1/24 dev near; "
      "ip addr add fd09::1/64 dev near nodad; ip link set near up");
  shell(at_far("ip link set lo up"));
  shell(at_far("ip addr add 10.9.0.2/24 dev far"));
  shell(at_far("ip addr add fd09::2/64 dev far nodad"));
  shell(at_far("ip link set far up"));
  near_mac_ = find_interface("near")->mac;
  far_socket_ = open_socket_in(far_.id(), "far");
}

VethPair::~VethPair() {
  close(far_socket_);
}

std::string VethPair::at_far(const std::string& command) const {
  return "nsenter -t " + std::to_string(far_.id()) + " -n " + command;
}

void VethPair::send_from_far(const std::vector<uint8_t>& frame) const {
  if (send(far_socket_, frame.data(), frame.size(), 0) < 0) std::abort();
}

std::vector<uint8_t> make_frame(const FrameShape& shape) {
  const IpAddress destination = *IpAddress::parse(shape.destination);
  std::vector<uint8_t> out;
  put(out, shape.destination_mac);
  put(out, MacAddress{2, 0, 0, 0, 0, 9});
  if (shape.tagged) put16(out, ETH_P_8021Q), put16(out, 5);
  put16(out, destination.is_ipv4() ? ETH_P_IP : ETH_P_IPV6);
  put(out,
      destination.is_ipv4() ? ipv4_packet(shape, destination) : ipv6_packet(shape, destination));
  put16(out, 40000);
  put16(out, shape.port);
  out.insert(out.end(), 16, 0);
  return out;
}

}  // namespace sluice::dataplane

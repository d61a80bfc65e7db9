// SPDX-License-Identifier: Apache-2.0
//
// A port set on AF_XDP over a wire: what reaches the socket, what the kernel keeps, who the
// neighbours are.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "isolated.h"
#include "port_lab.h"
#include "veth_pair.h"

namespace sluice::dataplane {
namespace {

#define SKIP_WITHOUT_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kQuiet{100};

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

const std::vector<SteeredEndpoint> kEndpoints = {{address("203.0.113.10"), 17, 80},
                                                 {address("2001:db8:f::10"), 17, 80},
                                                 {address("203.0.113.11"), 6, 0}};

// True when `claim` becomes true within the patience of this test.
template <class Claim>
bool eventually(const Claim& claim) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!claim()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

unsigned receive() {
  std::array<rte_mbuf*, 32> burst;
  const uint16_t count = rte_eth_rx_burst(0, 0, burst.data(), burst.size());
  rte_pktmbuf_free_bulk(burst.data(), count);
  return count;
}

// Sends the frame, then a marker that reaches the socket in any case: what came before it is the
// frame.
bool reaches_socket(const VethPair& wire, const FrameShape& shape) {
  wire.send_from_far(make_frame(shape));
  wire.send_from_far(make_frame({wire.near_mac(), "203.0.113.10"}));
  unsigned count = 0;
  eventually([&] { return (count += receive()) > 0; });
  const auto end = std::chrono::steady_clock::now() + kQuiet;
  while (std::chrono::steady_clock::now() < end)
    count += receive();
  return count == 2;
}

std::string with_ports(const std::function<std::string(VethPair&, PortSet&)>& body) {
  return run_isolated([&]() -> std::string {
    VethPair wire;
    const PortSetConfig config = af_xdp_config();
    const auto ports = PortSet::open(config);
    remove_runtime_files(config);
    if (!ports.ok()) return std::string(ports.status().message());
    return body(wire, **ports);
  });
}

struct SteeringCase {
  std::string name;
  FrameShape shape;
  bool to_socket = false;
};

std::vector<SteeringCase> steering_cases() {
  const std::string v4 = "203.0.113.10", v6 = "2001:db8:f::10";
  return {
      {"endpoint_v4", {.destination = v4}, true},
      {"endpoint_v6", {.destination = v6}, true},
      {"tagged", {.destination = v4, .tagged = true}, true},
      {"tagged_v6", {.destination = v6, .tagged = true}, true},
      {"options", {.destination = v4, .extension_headers = 3}, true},
      {"extension_headers", {.destination = v6, .extension_headers = 3}, true},
      {"fragment_v4", {.destination = v4, .port = 9, .fragment = true}, true},
      {"fragment_v6", {.destination = v6, .port = 9, .fragment = true}, true},
      {"any_port", {.destination = "203.0.113.11", .protocol = 6, .port = 12345}, true},
      {"other_port", {.destination = v4, .port = 81}, false},
      {"other_port_v6", {.destination = v6, .port = 81}, false},
      {"other_protocol", {.destination = v4, .protocol = 6}, false},
      {"icmp", {.destination = v4, .protocol = 1}, false},
      {"other_address", {.destination = "203.0.113.12"}, false},
      {"own_address", {.destination = "10.9.0.1"}, false},
  };
}

TEST(PortSetSteering, SocketGetsExactlyTheEndpoints) {
  SKIP_WITHOUT_ROOT();

  const std::string wrong = with_ports([](VethPair& wire, PortSet& ports) {
    if (!ports.steer(kEndpoints).ok()) return std::string("steer fails");
    std::string names;
    for (SteeringCase& one : steering_cases()) {
      one.shape.destination_mac = wire.near_mac();
      if (reaches_socket(wire, one.shape) != one.to_socket) names += one.name + " ";
    }
    const FrameShape stray = {.destination_mac = {2, 0, 0, 0, 9, 9}, .destination = "203.0.113.10"};
    if (reaches_socket(wire, stray)) names += "other_station ";
    return names;
  });

  EXPECT_EQ(wrong, "");
}

TEST(PortSetSteering, KernelAnswersPingMeanwhile) {
  SKIP_WITHOUT_ROOT();

  const std::string answer = with_ports([](VethPair& wire, PortSet& ports) {
    if (!ports.steer(kEndpoints).ok()) return std::string("steer fails");
    const bool v4 = succeeds(wire.at_far("ping -c1 -W2 10.9.0.1"));
    const bool v6 = succeeds(wire.at_far("ping -c1 -W2 fd09::1"));
    return std::string(v4 ? "v4 " : "") + (v6 ? "v6" : "");
  });

  EXPECT_EQ(answer, "v4 v6");
}

TEST(PortSetSteering, SetIsReplacedWhole) {
  SKIP_WITHOUT_ROOT();

  const std::string wrong = with_ports([](VethPair& wire, PortSet& ports) {
    const FrameShape before = {wire.near_mac(), "203.0.113.11", 6, 5};
    const FrameShape after = {wire.near_mac(), "203.0.113.12", 17, 5};
    std::string names;
    if (!ports.steer(kEndpoints).ok() || !reaches_socket(wire, before)) names += "first ";
    const bool replaced = ports.steer({kEndpoints[0], {address("203.0.113.12"), 17, 5}}).ok();
    if (!replaced || !reaches_socket(wire, after)) names += "added ";
    if (reaches_socket(wire, before)) names += "removed ";
    return names;
  });

  EXPECT_EQ(wrong, "");
}

TEST(PortSetSteering, FullMapKeepsTheOldSet) {
  SKIP_WITHOUT_ROOT();

  const std::string wrong = with_ports([](VethPair& wire, PortSet& ports) {
    if (!ports.steer(kEndpoints).ok()) return std::string("steer fails");
    std::vector<SteeredEndpoint> many;
    for (uint32_t i = 0; i < 140'000; i++) {
      many.push_back({address("192.0.2.1"), static_cast<uint8_t>(i >> 16), uint16_t(i)});
    }
    const absl::Status full = ports.steer(many);
    std::string names;
    if (!absl::IsResourceExhausted(full)) names += std::string(full.message());
    if (!reaches_socket(wire, {wire.near_mac(), "2001:db8:f::10"})) names += "old set is gone";
    return names;
  });

  EXPECT_EQ(wrong, "");
}

TEST(PortSetLifetime, ProgramGoesWithThePorts) {
  SKIP_WITHOUT_ROOT();

  const std::string shown = run_isolated([]() -> std::string {
    const VethPair wire;
    const std::string outcome = outcome_of(af_xdp_config());
    if (outcome != "ok") return outcome;
    return shell("ip link show near").find("xdp") == std::string::npos ? "gone" : "stays";
  });

  EXPECT_EQ(shown, "gone");
}

TEST(PortSetLifetime, CrashedRunIsReplacedAndDropsServicePacketsUntilThen) {
  SKIP_WITHOUT_ROOT();

  const std::string told = run_isolated([]() -> std::string {
    VethPair wire;
    Background crashing([](const std::function<void()>& ready) {
      const auto ports = PortSet::open(af_xdp_config());
      if (ports.ok() && (*ports)->steer(kEndpoints).ok()) ready();
      remove_runtime_files(af_xdp_config());
      while (true)
        pause();
    });
    const std::string refused = outcome_of(af_xdp_config());
    if (refused.find("is already served by process") == std::string::npos) return refused;
    crashing.kill_now();
    if (shell("ip link show near").find("xdp") == std::string::npos) return "detached by death";

    const PortSetConfig config = af_xdp_config();
    const auto ports = PortSet::open(config);
    remove_runtime_files(config);
    if (!ports.ok()) return std::string(ports.status().message());
    if (!(*ports)->steer(kEndpoints).ok()) return "steer fails";
    return reaches_socket(wire, {wire.near_mac(), "203.0.113.10"}) ? "serves" : "silent";
  });

  EXPECT_EQ(told, "serves");
}

TEST(PortSetNeighbors, OnLinkBackendsAreResolvedOfBothFamilies) {
  SKIP_WITHOUT_ROOT();

  const std::string wrong = with_ports([](VethPair& wire, PortSet& ports) {
    std::string names;
    ports.watch({address("10.9.0.2"), address("fd09::2"), address("10.9.0.77")});
    for (const char* text : {"10.9.0.2", "fd09::2"}) {
      const bool resolved = eventually([&] {
        ports.poll_neighbors();
        return ports.next_hop(address(text)).resolved;
      });
      const NextHop hop = ports.next_hop(address(text));
      if (!resolved || hop.destination_mac != kFarMac || hop.source_mac != wire.near_mac()) {
        names += std::string(text) + " ";
      }
    }
    if (ports.next_hop(address("10.9.0.77")).resolved) names += "nobody is resolved ";
    return names + ports.unresolved_reason(address("10.9.0.77"));
  });

  EXPECT_EQ(wrong, "10.9.0.77 does not answer on port uplink");
}

TEST(PortSetNeighbors, PollTellsOfAChangeOnce) {
  SKIP_WITHOUT_ROOT();

  const std::string wrong = with_ports([](VethPair&, PortSet& ports) {
    ports.watch({address("10.9.0.2")});
    eventually([&] {
      ports.poll_neighbors();
      return ports.next_hop(address("10.9.0.2")).resolved;
    });
    ports.poll_neighbors();
    if (ports.poll_neighbors()) return std::string("tells again");
    shell("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:33 nud permanent dev near");
    if (!eventually([&] { return ports.poll_neighbors(); })) return std::string("tells nothing");
    return std::string(ports.next_hop(address("10.9.0.2")).destination_mac[5] == 0x33 ? "" : "old");
  });

  EXPECT_EQ(wrong, "");
}

TEST(PortSetNeighbors, RoutesAreFollowedAsTheyComeAndGo) {
  SKIP_WITHOUT_ROOT();

  const std::string told = with_ports([](VethPair&, PortSet& ports) {
    const IpAddress backend = address("172.16.0.9");
    const auto becomes = [&](bool resolved) {
      return eventually([&] {
        ports.poll_neighbors();
        return ports.next_hop(backend).resolved == resolved;
      });
    };
    ports.watch({backend});
    std::string story = ports.unresolved_reason(backend);
    shell("ip route add 172.16.0.0/16 via 10.9.0.2");
    story += becomes(true) ? "; resolved" : "; " + ports.unresolved_reason(backend);
    shell("ip route del 172.16.0.0/16; ip route add 172.16.0.0/16 via inet6 fd09::2 dev near");
    story += becomes(true) ? "; by the other family" : "; " + ports.unresolved_reason(backend);
    shell("ip route replace blackhole 172.16.0.0/16");
    shell("ip route del 172.16.0.0/16 via inet6 fd09::2 2>/dev/null || true");
    return story + (becomes(false) ? "; lost" : "; kept");
  });

  EXPECT_EQ(told, "no route to 172.16.0.9 leads over a port; resolved; by the other family; lost");
}

TEST(PortSetNeighbors, KernelIsLeftAsItWasFound) {
  SKIP_WITHOUT_ROOT();

  const std::string shown = run_isolated([]() -> std::string {
    VethPair wire;
    {
      const auto ports = PortSet::open(af_xdp_config());
      remove_runtime_files(af_xdp_config());
      if (!ports.ok()) return std::string(ports.status().message());
      (*ports)->watch({address("10.9.0.2")});
      if (shell("ip neigh show dev near").find("managed") == std::string::npos) return "unmanaged";
    }
    return shell("ip neigh show dev near").find("managed") == std::string::npos ? "" : "managed";
  });

  EXPECT_EQ(shown, "");
}

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Which way a backend is reached, over every kind of knowledge and its precedence.
#include "dataplane/port/next_hop.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::dataplane {
namespace {

constexpr int kUplink = 7;
constexpr MacAddress kPortMac = {2, 0, 0, 0, 0, 1};
constexpr MacAddress kStaticMac = {2, 0, 0, 0, 0, 2};
constexpr MacAddress kGatewayMac = {2, 0, 0, 0, 0, 3};
constexpr MacAddress kKernelMac = {2, 0, 0, 0, 0, 4};

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

class ScriptedKernel final : public KernelView {
 public:
  std::optional<KernelRoute> route(const IpAddress& destination) const override {
    const auto found = routes.find(destination);
    return found == routes.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<MacAddress> mac(int, const IpAddress& neighbor) const override {
    const auto found = neighbors.find(neighbor);
    return found == neighbors.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<IpAddress, KernelRoute> routes;
  std::map<IpAddress, MacAddress> neighbors;
};

PortFacts uplink() {
  PortFacts port{.interface_index = kUplink, .mac = kPortMac};
  port.config.name = "uplink";
  port.config.mtu = 1600;
  port.config.addresses = {{address("10.0.0.1"), 24}, {address("fd00::1"), 64}};
  return port;
}

NextHop hop_of(const PortFacts& port, const ScriptedKernel& kernel, const IpAddress& backend) {
  const std::vector<PortFacts> ports = {port};
  return follow(choose_way(ports, kernel, backend), kernel, backend);
}

std::string obstacle_of(const PortFacts& port, const IpAddress& backend) {
  const std::vector<PortFacts> ports = {port};
  return choose_way(ports, ScriptedKernel(), backend).obstacle;
}

TEST(NextHop, OnLinkBackendIsTheKernelsNeighbor) {
  ScriptedKernel kernel;
  kernel.neighbors[address("10.0.0.9")] = kKernelMac;

  const NextHop hop = hop_of(uplink(), kernel, address("10.0.0.9"));

  EXPECT_TRUE(hop.resolved);
  EXPECT_EQ(hop.destination_mac, kKernelMac);
  EXPECT_EQ(hop.source_mac, kPortMac);
  EXPECT_EQ(hop.source, address("10.0.0.1"));
  EXPECT_EQ(hop.mtu, 1600);
}

TEST(NextHop, UnknownNeighborIsUnresolvedButHasItsSource) {
  const NextHop hop = hop_of(uplink(), ScriptedKernel(), address("fd00::9"));

  EXPECT_FALSE(hop.resolved);
  EXPECT_EQ(hop.source, address("fd00::1"));
}

TEST(NextHop, StaticNeighborPrecedesTheKernels) {
  ScriptedKernel kernel;
  kernel.neighbors[address("10.0.0.9")] = kKernelMac;
  PortFacts port = uplink();
  port.config.neighbors = {{address("10.0.0.9"), kStaticMac}};

  EXPECT_EQ(hop_of(port, kernel, address("10.0.0.9")).destination_mac, kStaticMac);
}

TEST(NextHop, OffLinkBackendGoesOverTheRoutesGateway) {
  ScriptedKernel kernel;
  kernel.routes[address("172.16.0.9")] = {kUplink, address("10.0.0.254")};
  kernel.neighbors[address("10.0.0.254")] = kKernelMac;

  EXPECT_EQ(hop_of(uplink(), kernel, address("172.16.0.9")).destination_mac, kKernelMac);
}

TEST(NextHop, GatewayOfTheOtherFamilyServes) {
  ScriptedKernel kernel;
  kernel.routes[address("172.16.0.9")] = {kUplink, address("fd00::fe")};
  kernel.neighbors[address("fd00::fe")] = kKernelMac;

  const NextHop hop = hop_of(uplink(), kernel, address("172.16.0.9"));

  EXPECT_TRUE(hop.resolved);
  EXPECT_EQ(hop.source, address("10.0.0.1"));
}

TEST(NextHop, StaticGatewayPrecedesTheRouteOfItsFamilyOnly) {
  ScriptedKernel kernel;
  kernel.routes[address("172.16.0.9")] = {kUplink, address("10.0.0.254")};
  kernel.routes[address("fd99::9")] = {kUplink, address("fd00::fe")};
  kernel.neighbors[address("fd00::fe")] = kKernelMac;
  PortFacts port = uplink();
  port.config.gateways = {{address("10.0.0.253"), kGatewayMac}};

  EXPECT_EQ(hop_of(port, kernel, address("172.16.0.9")).destination_mac, kGatewayMac);
  EXPECT_EQ(hop_of(port, kernel, address("fd99::9")).destination_mac, kKernelMac);
}

TEST(NextHop, ObstaclesSayWhatIsMissing) {
  PortFacts bare = uplink();
  bare.interface_index = 0;
  PortFacts ipv4_only = uplink();
  ipv4_only.config.addresses.resize(1);
  ipv4_only.config.gateways = {{address("fe80::1"), kGatewayMac}};

  EXPECT_EQ(obstacle_of(uplink(), address("172.16.0.9")),
            "no route to 172.16.0.9 leads over a port");
  EXPECT_EQ(obstacle_of(bare, address("10.0.0.9")),
            "10.0.0.9 is on the link of port uplink, which has no kernel interface to resolve it: "
            "list it under neighbors:");
  EXPECT_EQ(obstacle_of(ipv4_only, address("fd99::9")),
            "port uplink has no IPv6 address to send to fd99::9 from");
}

}  // namespace
}  // namespace sluice::dataplane

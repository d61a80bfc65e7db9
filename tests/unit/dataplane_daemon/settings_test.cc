// SPDX-License-Identifier: Apache-2.0
//
// The example is accepted; what is wrong is named, all at once.
#include "dataplane/daemon/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/dataplane_daemon/scratch_directory.h"

namespace sluice::dataplane {
namespace {

constexpr char kSmallest[] = R"(node: edge-1
ports:
  - id: 0
    name: uplink
    addresses: [10.77.1.2/24]
state_dir: /tmp/state
)";

std::vector<std::string> complaints_about(const std::string& text) {
  std::vector<YamlProblem> problems;
  const auto settings = parse_settings(text, problems);
  EXPECT_EQ(settings.has_value(), problems.empty());
  std::vector<std::string> complaints;
  for (const YamlProblem& problem : problems) {
    complaints.push_back(std::to_string(problem.line) + ": " + problem.path + ": " +
                         problem.message);
  }
  return complaints;
}

TEST(Settings, ExampleIsAccepted) {
  const char* root = std::getenv("SLUICE_SOURCE_ROOT");
  const auto settings =
      load_settings(std::string(root ? root : ".") + "/docs/examples/dataplane.yaml");

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->node, "edge-1");
  EXPECT_EQ(settings->ports.eal,
            (std::vector<std::string>{"--no-pci", "-l", "0-1", "--vdev=net_af_xdp0,iface=uplink"}));
  ASSERT_EQ(settings->ports.ports.size(), 1u);
  EXPECT_EQ(settings->ports.ports[0].addresses.size(), 2u);
  EXPECT_EQ(settings->ports.ports[0].punt, PuntMode::kKernel);
  EXPECT_EQ(settings->ports.buffers, 131'072u);
  EXPECT_EQ(settings->runtime.flow_capacity, 1'048'576u);
  EXPECT_EQ(settings->runtime.timeouts.tcp_idle, std::chrono::seconds(900));
  EXPECT_EQ(settings->runtime.idle_sleep, std::chrono::microseconds(50));
  EXPECT_EQ(settings->listen, "unix:/run/sluice/dataplane.sock");
  EXPECT_EQ(settings->state_dir, "/var/lib/sluice/edge-1");
  EXPECT_EQ(settings->spool.total_bytes, 512u << 20);
}

TEST(Settings, DefaultsAreThoseOfTheProto) {
  std::vector<YamlProblem> problems;
  const auto settings = parse_settings(kSmallest, problems);

  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->listen, "unix:/run/sluice/dataplane.sock");
  EXPECT_EQ(settings->ports.ports[0].mtu, 1500);
  EXPECT_EQ(settings->ports.buffers, 131'072u);
  EXPECT_EQ(settings->runtime.idle_spin, std::chrono::microseconds(200));
  EXPECT_EQ(settings->runtime.timeouts.udp_idle, std::chrono::seconds(60));
  EXPECT_EQ(settings->log.level(), v1::LogConfig::LEVEL_INFO);
}

TEST(Settings, ASmallSpoolHasSmallSegments) {
  std::vector<YamlProblem> problems;
  const auto settings =
      parse_settings(std::string(kSmallest) + "records: {spool_mb: 2}\n", problems);

  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->spool.total_bytes, 2u << 20);
  EXPECT_EQ(settings->spool.segment_bytes, 256u << 10);
  EXPECT_EQ(complaints_about(std::string(kSmallest) + "records: {spool_mb: 0}\n"),
            std::vector<std::string>{"7: records.spool_mb: 0 is out of range; must be 1..1048576"});
}

TEST(Settings, StaticNeighborsAndGatewaysAreRead) {
  std::vector<YamlProblem> problems;
  const auto settings = parse_settings(std::string(R"(node: edge-1
state_dir: /tmp/state
ports:
  - name: uplink
    addresses: [10.77.1.2/24]
    neighbors: [{address: 10.77.1.11, mac: "02:00:00:00:01:11"}]
    gateways:
      - {via: 10.77.1.1, mac: "00:00:de:ad:be:af"}
      - {via: "fe80::1", mac: "00:00:de:ad:be:af"}
)"),
                                       problems);

  ASSERT_TRUE(settings.has_value());
  const PortConfig& port = settings->ports.ports[0];
  ASSERT_EQ(port.neighbors.size(), 1u);
  EXPECT_EQ(port.neighbors[0].mac, (std::array<uint8_t, 6>{2, 0, 0, 0, 1, 0x11}));
  EXPECT_EQ(port.gateways.size(), 2u);
}

TEST(Settings, EveryProblemIsNamedAtOnce) {
  const auto complaints = complaints_about(R"(node: Edge_1
ports:
  - id: 99
    name: uplink
    addresses: [10.77.1.2, "fd77:1::2/129"]
    mtu: 576
    punt: kernal
    neighbors: [{address: here, mac: "02:00:00:00:01"}]
  - id: 99
    name: downlink
    addresses: []
listen: 0.0.0.0:7070
idle: {spin: 2s, sleep: 1s}
nat_addresses: [10.0.0.1]
buffers: 10
flows: {capacity: 5, tcp_idle: 0s}
colour: green
http: 9471
)");

  const std::string expected[] = {
      "1: node: \"Edge_1\" is no name",
      "1: state_dir: is required",
      "3: ports[uplink].id: 99 is out of range; must be 0..15",
      "5: ports[uplink].addresses[0]: \"10.77.1.2\" is no ADDRESS/LENGTH",
      "5: ports[uplink].addresses[1]: \"fd77:1::2/129\" is no ADDRESS/LENGTH",
      "6: ports[uplink].mtu: 576 is out of range; must be 1280..9600",
      "7: ports[uplink].punt: ",
      "8: ports[uplink].neighbors[0].address: \"here\" is no IP address",
      "8: ports[uplink].neighbors[0].mac: \"02:00:00:00:01\" is no MAC address",
      "9: ports[downlink].id: 99 is another port's",
      "11: ports[downlink].addresses: is required",
      "12: listen: \"0.0.0.0:7070\": other hosts can reach it, so TLS is needed",
      "13: idle.spin: 2s is out of range; must be 0s..1s",
      "13: idle.sleep: 1s is out of range; must be 0s..100ms",
      "14: nat_addresses: NAT is not built yet",
      "15: buffers: 10 is out of range; must be 1024..16777216",
      "16: flows.capacity: 5 is out of range",
      "16: flows.tcp_idle: 0s is out of range",
      "17: : unknown field \"colour\"",
      "18: http: \"9471\" is no address to listen on; HOST:PORT, say 127.0.0.1:9470",
  };
  for (const std::string& start : expected) {
    EXPECT_TRUE(
        std::any_of(complaints.begin(), complaints.end(),
                    [&](const std::string& complaint) { return complaint.rfind(start, 0) == 0; }))
        << "missing: " << start << "\nin:\n"
        << testing::PrintToString(complaints);
  }
}

TEST(Settings, TlsProblemsNameTheTlsField) {
  const auto complaints = complaints_about(std::string(kSmallest) + R"(listen: 10.0.0.1:7070
tls: {certificate: /nonexistent.pem, key: /nonexistent.key, client_ca: /nonexistent.ca}
)");

  ASSERT_EQ(complaints.size(), 1u);
  EXPECT_EQ(complaints[0].rfind("8: tls.certificate: cannot read /nonexistent.pem", 0), 0u)
      << complaints[0];
}

TEST(Settings, LoadNamesFileAndLine) {
  ScratchDirectory directory;
  const std::string path = directory.path() + "/node.yaml";
  std::ofstream(path) << kSmallest << "buffers: 1\n";

  EXPECT_EQ(load_settings(path).status().message(),
            path + ":7: buffers: 1 is out of range; must be 1024..16777216");
  EXPECT_EQ(load_settings(directory.path() + "/none.yaml").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// What stands in the way of opening ports is told in one line that says what to do.
#include <gtest/gtest.h>

#include <fstream>

#include "isolated.h"
#include "port_lab.h"
#include "veth_pair.h"

namespace sluice::dataplane {
namespace {

#define SKIP_WITHOUT_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root"

struct ErrorCase {
  std::string name;
  std::vector<std::string> devices;
  void (*spoil)(PortSetConfig&) = [](PortSetConfig&) {};
  std::string part;  // of the message

  friend void PrintTo(const ErrorCase& shown, std::ostream* out) { *out << shown.name; }
};

// Whether a process could take some now.
bool has_free_hugepages() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  unsigned long count = 0;
  return file >> count && count > 0;
}

class PortSetError : public testing::TestWithParam<ErrorCase> {};

TEST_P(PortSetError, IsOneLineThatSaysWhatToDo) {
  SKIP_WITHOUT_ROOT();
  if (GetParam().name == "no_hugepages" && has_free_hugepages())
    GTEST_SKIP() << "this machine has free hugepages";

  const std::string outcome = run_isolated([] {
    PortSetConfig config = config_with(GetParam().devices, PuntMode::kNone);
    GetParam().spoil(config);
    return outcome_of(config);
  });

  EXPECT_NE(outcome.find(GetParam().part), std::string::npos) << outcome;
  EXPECT_EQ(outcome.find('\n'), std::string::npos) << outcome;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, PortSetError,
    testing::Values(
        ErrorCase{"unknown_option",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.eal.push_back("--no-such-option"); },
                  "unrecognized option '--no-such-option'"},
        ErrorCase{"unknown_driver",
                  {"--vdev=net_nonsense0"},
                  [](PortSetConfig&) {},
                  "failed to parse device \"net_nonsense0\""},
        ErrorCase{"device_fails",
                  {"--vdev=net_pcap0,rx_pcap=/dev/null"},
                  [](PortSetConfig&) {},
                  "eal: cannot make device net_pcap0: "},
        ErrorCase{"no_worker",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.eal[6] = "0@0"; },
                  "needs a main lcore and at least one worker"},
        ErrorCase{"no_such_port",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.ports[0].id = 3; },
                  "makes no port 3, only 1 in all"},
        ErrorCase{"port_twice",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.ports.push_back(config.ports[0]); },
                  "id 0 stands twice"},
        ErrorCase{"punt_without_kernel",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.ports[0].punt = PuntMode::kKernel; },
                  "this is net_null; set punt: none"},
        ErrorCase{"more_workers_than_queues",
                  {"--vdev=net_af_packet0,iface=lo,qpairs=1"},
                  [](PortSetConfig& config) { config.eal[6] = "0@0,1@0,2@0"; },
                  "2 workers need 2 queue pairs, net_af_packet has 1 rx and 1 tx"},
        ErrorCase{"buffers_too_many",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.buffers = 131072; },
                  "131072 buffers do not fit in DPDK's memory"},
        ErrorCase{"missing_interface",
                  {"--vdev=net_af_xdp0,iface=nowhere"},
                  [](PortSetConfig&) {},
                  "interface nowhere does not exist"},
        ErrorCase{"not_root",
                  {"--vdev=net_af_xdp0,iface=lo"},
                  [](PortSetConfig&) {
                    if (setuid(65534) != 0) std::abort();
                  },
                  "root"},
        ErrorCase{"no_hugepages",
                  {"--vdev=net_null0"},
                  [](PortSetConfig& config) { config.eal.erase(config.eal.begin() + 1); },
                  "no free hugepages: run `sysctl vm.nr_hugepages=1024`"}),
    [](const auto& test) { return test.param.name; });

TEST(PortSet, NullPortOpensAndCloses) {
  SKIP_WITHOUT_ROOT();

  const std::string found = run_isolated([]() -> std::string {
    const PortSetConfig config = config_with({"--vdev=net_null0"}, PuntMode::kNone);
    const auto ports = PortSet::open(config);
    remove_runtime_files(config);
    if (!ports.ok()) return std::string(ports.status().message());
    const PortState state = (*ports)->states().at(0);
    return state.name + " " + state.driver + (state.link_up ? " up" : " down");
  });

  EXPECT_EQ(found, "uplink net_null up");
}

TEST(PortSet, MemifPortOpensWithItsOwnMtu) {
  SKIP_WITHOUT_ROOT();

  const std::string found = run_isolated([]() -> std::string {
    PortSetConfig config =
        config_with({"--vdev=net_memif0,role=server,socket-abstract=yes,socket=sluice-test-" +
                     std::to_string(getpid())},
                    PuntMode::kNone);
    return outcome_of(config);
  });

  EXPECT_EQ(found, "ok");
}

TEST(PortSet, TwoWorkersGetTwoQueuesOfAfPacket) {
  SKIP_WITHOUT_ROOT();

  const std::string found = run_isolated([]() -> std::string {
    const VethPair wire;
    PortSetConfig config =
        config_with({"--vdev=net_af_packet0,iface=near,qpairs=2"}, PuntMode::kKernel);
    config.eal[6] = "0@0,1@0,2@0";
    const auto ports = PortSet::open(config);
    remove_runtime_files(config);
    if (!ports.ok()) return std::string(ports.status().message());
    return std::to_string((*ports)->runtime_ports().at(0).queues);
  });

  EXPECT_EQ(found, "2");
}

TEST(PortSet, ForeignXdpProgramIsRefusedAndStays) {
  SKIP_WITHOUT_ROOT();

  const std::string outcome = run_isolated([]() -> std::string {
    const VethPair wire;
    shell("ip link set dev near xdp obj " FOREIGN_PROGRAM " sec xdp");
    const std::string refused = outcome_of(af_xdp_config());
    const bool stays = shell("ip link show near").find("xdp") != std::string::npos;
    return refused + (stays ? " (stays)" : " (gone)");
  });

  EXPECT_NE(outcome.find("already runs the XDP program 'sluice_decap'"), std::string::npos)
      << outcome;
  EXPECT_NE(outcome.find("(stays)"), std::string::npos) << outcome;
}

TEST(PortSet, InterfaceWithMoreQueuesThanServedIsRefused) {
  SKIP_WITHOUT_ROOT();

  const std::string outcome = run_isolated([]() -> std::string {
    shell("ip link add near numrxqueues 2 numtxqueues 2 type veth peer name other");
    shell("ip link set near up");
    return outcome_of(af_xdp_config());
  });

  EXPECT_NE(outcome.find("interface near has 2 rx queues but net_af_xdp0 serves 1"),
            std::string::npos)
      << outcome;
}

TEST(PortSet, MtuAboveTheInterfacesIsRefused) {
  SKIP_WITHOUT_ROOT();

  const std::string outcome = run_isolated([]() -> std::string {
    const VethPair wire;
    PortSetConfig config = af_xdp_config();
    config.ports[0].mtu = 1600;
    return outcome_of(config);
  });

  EXPECT_NE(outcome.find("run `ip link set near mtu 1600`"), std::string::npos) << outcome;
}

}  // namespace
}  // namespace sluice::dataplane

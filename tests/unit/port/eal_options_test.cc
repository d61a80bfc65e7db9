// SPDX-License-Identifier: Apache-2.0
//
// Reading and completing the user's `eal:` list.
#include "dataplane/port/eal_options.h"

#include <gtest/gtest.h>

#include <sstream>

#include "dataplane/port/eal.h"

namespace sluice::dataplane {
namespace {

using Arguments = std::vector<std::string>;

TEST(EalOptions, FindsDevicesInBothSpellings) {
  const auto devices = virtual_devices(
      {"-l", "0-1", "--vdev=net_af_xdp0,iface=eth0,queue_count=2", "--vdev", "net_null0"});

  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].name, "net_af_xdp0");
  EXPECT_EQ(devices[0].value("iface"), "eth0");
  EXPECT_EQ(devices[0].value("queue_count"), "2");
  EXPECT_EQ(devices[0].value("absent"), "");
  EXPECT_EQ(devices[1].name, "net_null0");
}

TEST(EalOptions, OptionIsFoundAloneOrWithValueButNotAsPrefix) {
  EXPECT_TRUE(has_option({"--no-huge"}, "--no-huge"));
  EXPECT_TRUE(has_option({"--file-prefix=x"}, "--file-prefix"));
  EXPECT_FALSE(has_option({"--no-huge-not"}, "--no-huge"));
}

TEST(EalOptions, MemoryIsReadInEverySpelling) {
  EXPECT_EQ(asked_mebibytes({"--no-huge", "-m", "1024"}), 1024u);
  EXPECT_EQ(asked_mebibytes({"-m2048"}), 2048u);
  EXPECT_EQ(asked_mebibytes({"-m", "1", "-m", "2"}), 2u) << "the last one holds";
  EXPECT_EQ(asked_mebibytes({"--no-huge"}), std::nullopt);
  EXPECT_EQ(asked_mebibytes({"-m", "much"}), std::nullopt);
  EXPECT_EQ(asked_mebibytes({"-m"}), std::nullopt);
}

TEST(EalMemory, HugepagesAreTakenFromWhereTheyAreMounted) {
  std::istringstream with(
      "proc /proc proc rw 0 0\nnone /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n");
  std::istringstream without("proc /proc proc rw 0 0\nhugetlbfs /mnt tmpfs rw 0 0\n");

  EXPECT_TRUE(has_hugepage_mount(with));
  EXPECT_FALSE(has_hugepage_mount(without));
}

TEST(EalMemory, MoreThanThereIsIsRefusedAtOnce) {
  const absl::Status refused = check_memory({"--no-huge", "-m", "99999999999"});

  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("eal: -m asks for 99999999999 MiB, and "), std::string::npos)
      << refused.message();
  EXPECT_TRUE(check_memory({"--no-huge", "-m", "1"}).ok());
}

struct CompletionCase {
  std::string name;
  Arguments given;
  Arguments completed;
};

class EalCompletion : public testing::TestWithParam<CompletionCase> {};

TEST_P(EalCompletion, AddsOnlyWhatIsMissing) {
  EXPECT_EQ(complete_eal(GetParam().given, "edge-1", "/p/steer.bpf.o"), GetParam().completed);
}

INSTANTIATE_TEST_SUITE_P(
    Lists, EalCompletion,
    testing::Values(
        CompletionCase{"program_and_prefix",
                       {"--vdev=net_af_xdp0,iface=eth0"},
                       {"--vdev=net_af_xdp0,iface=eth0,xdp_prog=/p/steer.bpf.o",
                        "--file-prefix=sluice-edge-1"}},
        CompletionCase{
            "two_arguments",
            {"--vdev", "net_af_xdp0,iface=eth0", "--file-prefix=mine"},
            {"--vdev", "net_af_xdp0,iface=eth0,xdp_prog=/p/steer.bpf.o", "--file-prefix=mine"}},
        CompletionCase{"own_program_stays",
                       {"--vdev=net_af_xdp0,iface=eth0,xdp_prog=/own.o", "--file-prefix", "mine"},
                       {"--vdev=net_af_xdp0,iface=eth0,xdp_prog=/own.o", "--file-prefix", "mine"}},
        CompletionCase{"other_devices_stay",
                       {"--vdev=net_null0", "-l", "0-1"},
                       {"--vdev=net_null0", "-l", "0-1", "--file-prefix=sluice-edge-1"}}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The controller's configuration: the example is valid, everything wrong is said at once.
#include "controlplane/daemon/settings.h"

#include <gtest/gtest.h>

#include "gmock/gmock.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ControllerSettings, ExampleIsValidAndSaysWhatComesLater) {
  const auto settings = load_settings(SOURCE_ROOT "/docs/examples/controller.yaml");

  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->listen, "unix:/run/sluice/controller.sock");
  ASSERT_THAT(settings->nodes, SizeIs(1));
  EXPECT_EQ(settings->nodes[0].name, "edge-1");
  EXPECT_EQ(settings->nodes[0].address, "unix:/run/sluice/dataplane.sock");
  EXPECT_EQ(settings->store_path, "/var/lib/sluice/controller.db");
  EXPECT_EQ(settings->audit_directory, "/var/lib/sluice/audit");
  EXPECT_EQ(settings->retention, absl::Hours(24 * 190));
  EXPECT_EQ(settings->http, "127.0.0.1:9470");
  EXPECT_THAT(settings->notices, IsEmpty());
}

TEST(ControllerSettings, UnsetFieldsHaveTheirDefaults) {
  std::vector<YamlProblem> problems;

  const auto settings = parse_settings("store: sqlite:c.db\naudit: {directory: a}\n", problems);

  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->listen, "unix:/run/sluice/controller.sock");
  EXPECT_EQ(settings->retention, absl::Hours(24 * 190));
  EXPECT_EQ(settings->segment_interval, absl::Minutes(1));
}

TEST(ControllerSettings, SegmentsMayBeShort) {
  std::vector<YamlProblem> problems;
  const std::string base = "store: sqlite:c.db\naudit: {directory: a, segment_interval: ";

  EXPECT_EQ(parse_settings(base + "5s}\n", problems)->segment_interval, absl::Seconds(5));
  EXPECT_FALSE(parse_settings(base + "10ms}\n", problems).has_value());
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].path, "audit.segment_interval");
  EXPECT_EQ(problems[0].message, "is too short; at least 1s");
}

TEST(ControllerSettings, EveryProblemIsSaidWithItsLine) {
  std::vector<YamlProblem> problems;

  const auto settings = parse_settings(
      "listen: 192.0.2.1:9000\n"
      "nodes:\n"
      "  - {name: edge-1, address: \"unix:/a\"}\n"
      "  - {name: edge-1, address: nowhere}\n"
      "  - {name: Edge_2, address: \"unix:/b\"}\n"
      "store: etcd:http://host:2379/sluice\n"
      "audit: {retention: 1s}\n"
      "geo: {mmdb: countries.mmdb}\n"
      "colour: blue\n"
      "http: \"::1:9470\"\n",
      problems);

  EXPECT_FALSE(settings.has_value());
  std::vector<std::pair<std::string, uint32_t>> found;
  for (const YamlProblem& problem : problems)
    found.emplace_back(problem.path, problem.line);
  EXPECT_THAT(found,
              ::testing::UnorderedElementsAre(
                  ::testing::Pair("listen", 1U), ::testing::Pair("nodes[1].name", 4U),
                  ::testing::Pair("nodes[1].address", 4U), ::testing::Pair("nodes[2].name", 5U),
                  ::testing::Pair("store", 6U), ::testing::Pair("audit.directory", 7U),
                  ::testing::Pair("audit.retention", 7U), ::testing::Pair("geo.mmdb", 8U),
                  ::testing::Pair("", 9U), ::testing::Pair("http", 10U)));
}

TEST(ControllerSettings, RolesAreReadAndChecked) {
  std::vector<YamlProblem> problems;
  const std::string base = "store: sqlite:c.db\naudit: {directory: a}\n";

  const auto settings = parse_settings(
      base + "roles:\n  - {role: officer, users: [1000], names: [ann.example.net]}\n", problems);
  ASSERT_TRUE(settings.has_value());
  ASSERT_THAT(settings->roles, SizeIs(1));
  EXPECT_EQ(settings->roles[0].role(), v1::ROLE_OFFICER);

  const auto refused = parse_settings(
      base + "listen: 127.0.0.1:9000\nroles:\n  - {users: [1]}\n  - {role: admin}\n", problems);
  EXPECT_FALSE(refused.has_value());
  ASSERT_THAT(problems, SizeIs(3));
  EXPECT_EQ(problems[0].path, "roles[0].role");
  EXPECT_EQ(problems[1].path, "roles[1]");
  EXPECT_THAT(problems[2].message, HasSubstr("cannot be told apart"));
}

TEST(ControllerSettings, FileThatIsNotThereIsNamed) {
  EXPECT_THAT(std::string(load_settings("/nowhere.yaml").status().message()),
              HasSubstr("cannot read /nowhere.yaml: No such file"));
}

}  // namespace
}  // namespace sluice::controlplane

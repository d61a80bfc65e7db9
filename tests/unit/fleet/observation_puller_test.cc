// SPDX-License-Identifier: Apache-2.0
//
// Observations of all nodes: each once, in pages, also over a restart of a node.
#include "controlplane/fleet/observation_puller.h"

#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;

std::vector<v1::FlowObservation> observations(int count) {
  std::vector<v1::FlowObservation> observations(static_cast<size_t>(count));
  for (v1::FlowObservation& observation : observations)
    observation.set_rollout("v2");
  return observations;
}

class ObservationPullerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    FleetOptions options;
    options.nodes = {{"edge-1", one_.address()}, {"edge-2", two_.address()}};
    options.interval = absl::Milliseconds(20);
    fleet_ = *Fleet::make(options, *records_);
    fleet_->start();
    ASSERT_TRUE(eventually([this] { return fleet_->connected().size() == 2; }));
  }

  testing::TemporaryDirectory directory_;
  testing::FakeDataplane one_{"edge-1", directory_.path("one.sock")};
  testing::FakeDataplane two_{"edge-2", directory_.path("two.sock")};
  std::unique_ptr<RecordStore> records_ = *RecordStore::open(directory_.path("audit"));
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(ObservationPullerTest, ReadsEachObservationOfEachNodeOnce) {
  ObservationPuller puller(*fleet_);
  one_.add_observations(observations(2));
  two_.add_observations(observations(3));
  EXPECT_EQ(puller.pull().size(), 5u);
  EXPECT_EQ(puller.pull().size(), 0u);
  one_.add_observations(observations(4));
  EXPECT_EQ(puller.pull().size(), 4u);
}

TEST_F(ObservationPullerTest, ReadsMoreThanOnePage) {
  ObservationPuller puller(*fleet_);
  one_.add_observations(observations(20'001));
  EXPECT_EQ(puller.pull().size(), 20'001u);
  EXPECT_EQ(puller.pull().size(), 0u);
}

TEST_F(ObservationPullerTest, BeginsAnewWithANewIncarnation) {
  ObservationPuller puller(*fleet_);
  one_.add_observations(observations(5));
  EXPECT_EQ(puller.pull().size(), 5u);
  one_.forget_observations("2");
  one_.add_observations(observations(3));
  EXPECT_EQ(puller.pull().size(), 3u);
}

TEST_F(ObservationPullerTest, ANodeThatIsAwayHoldsUpNobody) {
  ObservationPuller puller(*fleet_);
  one_.leave();
  two_.add_observations(observations(3));
  EXPECT_EQ(puller.pull().size(), 3u);
}

}  // namespace
}  // namespace sluice::controlplane

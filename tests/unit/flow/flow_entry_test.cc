// SPDX-License-Identifier: Apache-2.0
//
// Which flows go on without a closer look.
#include "dataplane/flow/flow_entry.h"

#include <gtest/gtest.h>

namespace sluice::dataplane {
namespace {

template <class Entry>
class FlowEntryOf : public testing::Test {};
using Entries = testing::Types<FlowEntry<Family::kIpv4>, FlowEntry<Family::kIpv6>>;
TYPED_TEST_SUITE(FlowEntryOf, Entries);

TYPED_TEST(FlowEntryOf, IsSteadyUnlessItClosesOrIsObserved) {
  for (const FlowState state :
       {FlowState::kOpening, FlowState::kOpen, FlowState::kDatagram, FlowState::kClosing}) {
    TypeParam entry;
    entry.state = state;
    entry.tcp_flags = 0xff;
    EXPECT_EQ(entry.is_steady(), state != FlowState::kClosing);

    entry.is_observed = true;
    EXPECT_FALSE(entry.is_steady());
  }
}

}  // namespace
}  // namespace sluice::dataplane

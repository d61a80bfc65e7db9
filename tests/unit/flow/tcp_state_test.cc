// SPDX-License-Identifier: Apache-2.0
//
// What a client's TCP flags say about its flow.
#include "dataplane/flow/tcp_state.h"

#include <gtest/gtest.h>

namespace sluice::dataplane {
namespace {

TEST(TcpState, FirstPacketDecidesHowTheFlowBegins) {
  EXPECT_EQ(first_state(kTcpSyn), FlowState::kOpening);
  EXPECT_EQ(first_state(kTcpSyn | kTcpAck), FlowState::kOpen);
  EXPECT_EQ(first_state(kTcpAck), FlowState::kOpen);
  EXPECT_EQ(first_state(kTcpFin | kTcpAck), FlowState::kClosing);
  EXPECT_EQ(first_state(kTcpRst), FlowState::kClosing);
}

TEST(TcpState, FollowsTheClientAlone) {
  struct Row {
    FlowState before;
    uint8_t flags;
    FlowState after;
  };
  constexpr Row kRows[] = {
      {FlowState::kOpening, kTcpSyn, FlowState::kOpening},
      {FlowState::kOpening, kTcpAck, FlowState::kOpen},
      {FlowState::kOpening, kTcpRst, FlowState::kClosing},
      {FlowState::kOpen, kTcpSyn, FlowState::kOpen},
      {FlowState::kOpen, kTcpAck, FlowState::kOpen},
      {FlowState::kOpen, kTcpFin | kTcpAck, FlowState::kClosing},
      {FlowState::kClosing, kTcpAck, FlowState::kClosing},
      {FlowState::kDatagram, 0, FlowState::kDatagram},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(next_state(row.before, row.flags), row.after)
        << static_cast<int>(row.before) << " with flags " << static_cast<int>(row.flags);
  }
}

TEST(TcpState, ServiceIdleTimeReplacesOnlyTheOpenOne) {
  const FlowTimeouts timeouts;

  EXPECT_EQ(timeout_ms(FlowState::kOpen, timeouts, 0), 900'000u);
  EXPECT_EQ(timeout_ms(FlowState::kOpen, timeouts, 5000), 5000u);
  EXPECT_EQ(timeout_ms(FlowState::kOpening, timeouts, 5000), 10'000u);
  EXPECT_EQ(timeout_ms(FlowState::kClosing, timeouts, 5000), 10'000u);
  EXPECT_EQ(timeout_ms(FlowState::kDatagram, timeouts, 5000), 60'000u);
}

TEST(TcpState, QuietEndNamesWhatTheClientDidLast) {
  EXPECT_EQ(quiet_end(FlowState::kOpen, kTcpSyn | kTcpAck), EndReason::kIdle);
  EXPECT_EQ(quiet_end(FlowState::kClosing, kTcpSyn | kTcpFin), EndReason::kFin);
  EXPECT_EQ(quiet_end(FlowState::kClosing, kTcpFin | kTcpRst), EndReason::kReset);
}

}  // namespace
}  // namespace sluice::dataplane

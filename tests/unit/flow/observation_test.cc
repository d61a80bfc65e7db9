// SPDX-License-Identifier: Apache-2.0
//
// What a client's packets tell of its server, connection by connection.
#include "dataplane/flow/observation.h"

#include <gtest/gtest.h>

namespace sluice::dataplane {
namespace {

constexpr uint64_t kMsNs = 1'000'000;
constexpr uint64_t kStartNs = 5'000'000'000;
constexpr uint8_t kAckPush = kTcpAck | 0x08;

// A client whose first number is `first`, at a server whose first number is `server_first`.
class Client {
 public:
  explicit Client(uint32_t first = 1000, uint32_t server_first = 77'000)
      : first_(first), server_first_(server_first) {
    seen = begin_observation(segment(0, kTcpSyn, 0, 0, 0));
  }
  // Shape: `sent` numbers were sent before, payload alone; `received` bytes of the server.
  void send(uint64_t ms, uint8_t flags, uint32_t sent, uint32_t received, uint32_t payload = 0) {
    observe(segment(ms, flags, sent + 1, received + 1, payload), seen);
  }
  void send_syn(uint64_t ms, uint32_t sequence) {
    observe({.time_ns = kStartNs + ms * kMsNs, .sequence = sequence, .tcp_flags = kTcpSyn}, seen);
  }

  Observation seen;

 private:
  ClientSegment segment(uint64_t ms, uint8_t flags, uint32_t sent, uint32_t received,
                        uint32_t payload) const {
    return {.time_ns = kStartNs + ms * kMsNs,
            .sequence = first_ + sent,
            .acknowledgment = server_first_ + received,
            .payload_bytes = payload,
            .tcp_flags = flags};
  }

  uint32_t first_;
  uint32_t server_first_;
};

TEST(Observation, SeesHandshakeRequestAndResponse) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 300);
  client.send(71, kTcpAck, 300, 1400);
  client.send(72, kTcpAck, 300, 5000);

  EXPECT_EQ(client.seen.handshake_us, 20'000u);
  EXPECT_EQ(client.seen.syn_retransmissions, 0u);
  EXPECT_EQ(client.seen.request_bytes, 300u);
  EXPECT_EQ(client.seen.response_us, 50'000u);
  EXPECT_EQ(response_bytes(client.seen), 5000u);
  EXPECT_FALSE(client.seen.was_reset);
}

TEST(Observation, AcknowledgingTheServersSynIsNoProgress) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 300);
  client.send(25, kTcpAck, 300, 0);

  EXPECT_EQ(client.seen.response_us, 0u);
  EXPECT_EQ(response_bytes(client.seen), 0u);
}

TEST(Observation, TheRequestMayBeTheFirstSegmentAfterTheSyn) {
  Client client;
  client.send(20, kAckPush, 0, 0, 300);
  client.send(50, kTcpAck, 300, 700);

  EXPECT_EQ(client.seen.handshake_us, 20'000u);
  EXPECT_EQ(client.seen.response_us, 30'000u);
  EXPECT_EQ(response_bytes(client.seen), 700u);
}

TEST(Observation, CountsTheSameSynSentAgain) {
  Client client(1000);
  client.send_syn(1000, 1000);
  client.send_syn(3000, 1000);
  client.send(3020, kTcpAck, 0, 0);
  client.send_syn(3030, 1000);  // a late copy

  EXPECT_EQ(client.seen.syn_retransmissions, 2u);
  EXPECT_EQ(client.seen.handshake_us, 3'020'000u) << "the client waits since its first SYN";
}

TEST(Observation, AnotherSynIsNoRetransmission) {
  Client client(1000);
  client.send_syn(1000, 900'000);
  observe({.time_ns = kStartNs + 1020 * kMsNs,
           .sequence = 900'001,
           .acknowledgment = 1,
           .payload_bytes = 40,
           .tcp_flags = kAckPush},
          client.seen);

  EXPECT_EQ(client.seen.syn_retransmissions, 0u);
  EXPECT_EQ(client.seen.request_bytes, 40u);
}

TEST(Observation, ASilentServerMakesNoProgressHoweverOftenTheClientAsks) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  for (const uint64_t ms : {21, 230, 640, 1450})
    client.send(ms, kAckPush, 0, 0, 300);

  EXPECT_EQ(client.seen.request_bytes, 300u);
  EXPECT_EQ(client.seen.request_ns, kStartNs + 21 * kMsNs);
  EXPECT_EQ(client.seen.response_us, 0u);
  EXPECT_EQ(response_bytes(client.seen), 0u);
}

TEST(Observation, ALateResponseCountsFromTheFirstRequest) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 300);
  client.send(230, kAckPush, 0, 0, 300);
  client.send(2021, kTcpAck, 300, 100);

  EXPECT_EQ(client.seen.response_us, 2'000'000u);
}

TEST(Observation, ARequestInSeveralSegmentsIsOne) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 1400);
  client.send(22, kAckPush, 1400, 0, 1400);
  client.send(23, kAckPush, 700, 0, 1400);  // sent before, in other pieces
  client.send(40, kAckPush, 2800, 0, 200);
  client.send(61, kTcpAck, 3000, 500);

  EXPECT_EQ(client.seen.request_bytes, 3000u);
  EXPECT_EQ(client.seen.response_us, 40'000u);
}

TEST(Observation, FinsTakeANumberAndAreNoPayload) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush | kTcpFin, 0, 0, 300);
  client.send(40, kTcpAck, 301, 50);
  client.send(300, kAckPush | kTcpFin, 0, 0, 300);

  EXPECT_EQ(client.seen.request_bytes, 300u);
  EXPECT_EQ(response_bytes(client.seen), 50u);
}

TEST(Observation, AServerThatClosesWithoutAWordDidNotRespond) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 300);
  client.send(30, kTcpAck, 300, 1);  // its FIN

  EXPECT_EQ(client.seen.response_us, 0u);
  EXPECT_EQ(response_bytes(client.seen), 0u);
}

TEST(Observation, WhatTheServerSaidBeforeTheRequestIsNoResponse) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(25, kTcpAck, 0, 90);        // a banner
  client.send(30, kAckPush, 0, 120, 40);  // the request acknowledges the rest of it
  EXPECT_EQ(client.seen.response_us, 0u);
  client.send(55, kTcpAck, 40, 170);

  EXPECT_EQ(client.seen.response_us, 25'000u);
  EXPECT_EQ(response_bytes(client.seen), 50u);
}

TEST(Observation, NumbersGoRound) {
  Client client(0xffff'ff00, 0xffff'fff0);
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 200);
  client.send(22, kAckPush, 200, 0, 200);  // across the end of the client's numbers
  client.send(23, kAckPush, 0, 0, 200);    // again, from before it
  client.send(50, kTcpAck, 400, 10);
  client.send(51, kTcpAck, 400, 4000);  // across the end of the server's
  client.send(52, kTcpAck, 400, 10);    // overtaken

  EXPECT_EQ(client.seen.request_bytes, 400u);
  EXPECT_EQ(client.seen.response_us, 29'000u);
  EXPECT_EQ(response_bytes(client.seen), 4000u);
}

TEST(Observation, MoreThanAllNumbersMayBeAcknowledged) {
  Client client;
  client.send(20, kAckPush, 0, 0, 10);
  uint32_t received = 0;
  for (int i = 0; i < 5; ++i)
    client.send(30, kTcpAck, 10, received += 1u << 30);

  EXPECT_EQ(response_bytes(client.seen), 5ull << 30);
}

TEST(Observation, NumbersFromNowhereAreIgnored) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 300);
  client.send(22, kAckPush, 0x7000'0000, 0x7000'0000, 300);

  EXPECT_EQ(client.seen.request_bytes, 300u);
  EXPECT_EQ(response_bytes(client.seen), 0u);
}

TEST(Observation, AResetIsTheClients) {
  Client client;
  client.send(20, kTcpAck, 0, 0);
  client.send(21, kAckPush, 0, 0, 300);
  client.send(40, kTcpRst | kTcpAck, 300, 9000);

  EXPECT_TRUE(client.seen.was_reset);
  EXPECT_EQ(response_bytes(client.seen), 0u) << "a reset acknowledges nothing";
}

TEST(Observation, AResetIsNoHandshake) {
  Client client;
  client.send(20, kTcpRst, 0, 0);

  EXPECT_TRUE(client.seen.was_reset);
  EXPECT_EQ(client.seen.handshake_us, 0u);
}

TEST(Observation, PayloadOnTheSynBeginsTheRequest) {
  Observation seen = begin_observation(
      {.time_ns = kStartNs, .sequence = 1000, .payload_bytes = 100, .tcp_flags = kTcpSyn});
  const auto at = [](uint64_t ms, uint32_t sequence, uint32_t acknowledgment, uint32_t payload) {
    return ClientSegment{.time_ns = kStartNs + ms * kMsNs,
                         .sequence = sequence,
                         .acknowledgment = acknowledgment,
                         .payload_bytes = payload,
                         .tcp_flags = kTcpAck};
  };
  observe(at(20, 1001, 501, 100), seen);  // the server did not take it: again
  observe(at(45, 1101, 901, 0), seen);

  EXPECT_EQ(seen.request_bytes, 100u);
  EXPECT_EQ(seen.response_us, 45'000u);
  EXPECT_EQ(response_bytes(seen), 400u);
}

}  // namespace
}  // namespace sluice::dataplane

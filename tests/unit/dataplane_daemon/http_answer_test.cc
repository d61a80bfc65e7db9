// SPDX-License-Identifier: Apache-2.0
//
// Which answers to a probe are good ones.
#include "dataplane/daemon/http_answer.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::dataplane {
namespace {

v1::HttpProbe probe_for(std::initializer_list<uint32_t> statuses, const std::string& body) {
  v1::HttpProbe probe;
  for (const uint32_t status : statuses)
    probe.add_expect_status(status);
  probe.set_expect_body(body);
  return probe;
}

struct Row {
  std::string name;
  v1::HttpProbe probe;
  std::string received;
  StreamEnd end;
  ProbeProgress progress;
  std::string failure;
};

constexpr auto kOpen = StreamEnd::kOpen;
constexpr auto kClosed = StreamEnd::kClosed;
constexpr auto kWaiting = ProbeProgress::kWaiting;
constexpr auto kSuccess = ProbeProgress::kSuccess;
constexpr auto kFailure = ProbeProgress::kFailure;

TEST(HttpAnswer, Judgement) {
  const v1::HttpProbe plain;
  const v1::HttpProbe chat = probe_for({200}, "chat v1");
  const std::string far = std::string(64 * 1024, 'x') + "chat v1";
  const Row rows[] = {
      {"200 by default", plain, "HTTP/1.1 200 OK\r\n\r\n", kOpen, kSuccess, ""},
      {"no header yet", plain, "HTTP/1.1 200", kOpen, kWaiting, ""},
      {"nothing yet", plain, "", kOpen, kWaiting, ""},
      {"closed at once", plain, "", kClosed, kFailure, "closed before an answer"},
      {"another status", plain, "HTTP/1.1 503 Busy\r\n\r\n", kOpen, kFailure, "status 503"},
      {"one of several", probe_for({200, 204}, ""), "HTTP/1.0 204 x\r\n\r\n", kOpen, kSuccess, ""},
      {"200 not listed", probe_for({204}, ""), "HTTP/1.1 200 OK\r\n\r\n", kOpen, kFailure,
       "status 200"},
      {"interim answers are passed", plain, "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", kOpen,
       kSuccess, ""},
      {"interim answer alone", plain, "HTTP/1.1 100 Continue\r\n\r\n", kOpen, kWaiting, ""},
      {"no HTTP", plain, "SSH-2.0-OpenSSH\r\n\r\n", kOpen, kFailure, "no HTTP/1.1"},
      {"status that is no number", plain, "HTTP/1.1 abc x\r\n\r\n", kOpen, kFailure, "no HTTP/1.1"},
      {"endless headers", plain, "HTTP/1.1 200 OK\r\n" + std::string(20'000, 'x'), kOpen, kFailure,
       "no end"},
      {"body matches", chat, "HTTP/1.1 200 OK\r\n\r\nI am chat v1.", kOpen, kSuccess, ""},
      {"body to come", chat, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nI am ch", kOpen, kWaiting,
       ""},
      {"whole body lacks it", chat, "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nchat v2", kOpen,
       kFailure, "does not contain \"chat v1\""},
      {"bytes behind the body do not count", chat,
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxxchat v1", kOpen, kFailure,
       "does not contain"},
      {"closed body lacks it", chat, "HTTP/1.1 200 OK\r\n\r\nchat v2", kClosed, kFailure,
       "does not contain"},
      {"chunks are joined", chat,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nchat\r\n3;x=y\r\n v1\r\n", kOpen,
       kSuccess, ""},
      {"last chunk without it", chat,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nchat\r\n0\r\n\r\n", kOpen,
       kFailure, "does not contain"},
      {"chunk size that is no number", chat,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", kClosed, kFailure,
       "does not contain"},
      {"too far behind", chat, "HTTP/1.1 200 OK\r\n\r\n" + far, kOpen, kFailure,
       "does not contain"},
  };
  for (const Row& row : rows) {
    const ProbeVerdict verdict = judge_http_answer(row.probe, row.received, row.end);

    EXPECT_EQ(verdict.progress, row.progress) << row.name;
    EXPECT_NE(verdict.failure.find(row.failure), std::string::npos)
        << row.name << ": " << verdict.failure;
  }
}

TEST(HttpAnswer, RequestNamesHostAndPath) {
  v1::HttpProbe probe;
  EXPECT_EQ(http_request(probe, "10.0.0.1").find("GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n"), 0u);
  EXPECT_NE(http_request(probe, "2001:db8::1").find("Host: [2001:db8::1]\r\n"), std::string::npos);

  probe.set_path("/health");
  probe.set_host("chat.example");
  EXPECT_EQ(http_request(probe, "10.0.0.1").find("GET /health HTTP/1.1\r\nHost: chat.example\r\n"),
            0u);
}

}  // namespace
}  // namespace sluice::dataplane

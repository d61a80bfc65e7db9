// SPDX-License-Identifier: Apache-2.0
//
// Which endpoints are accepted, and what is said about the others.
#include "dataplane/rpc/endpoint.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/unit/rpc/test_authority.h"

namespace sluice {
namespace {

struct Row {
  std::string address;
  std::string complaint;  // empty: accepted
};

TEST(Endpoint, FormsWithoutTls) {
  const Row rows[] = {
      {"unix:/run/sluice/dataplane.sock", ""},
      {"127.0.0.1:7070", ""},
      {"127.9.9.9:1", ""},
      {"[::1]:7070", ""},
      {"localhost:0", ""},
      {"unix:relative.sock", "absolute path"},
      {"unix:", "absolute path"},
      {"unix:/" + std::string(108, 'x'), "at most 107 bytes"},
      {"10.0.0.1:7070", "TLS is needed"},
      {"0.0.0.0:7070", "TLS is needed"},
      {"[2001:db8::1]:7070", "TLS is needed"},
      {"edge-1.example:7070", "TLS is needed"},
      {"", "unix:/path/to/socket or host:port"},
      {"edge-1", "unix:/path/to/socket or host:port"},
      {"127.0.0.1:", "unix:/path/to/socket or host:port"},
      {"127.0.0.1:65536", "unix:/path/to/socket or host:port"},
      {"127.0.0.1:-1", "unix:/path/to/socket or host:port"},
      {"127.0.0.1:99999999999999999999", "unix:/path/to/socket or host:port"},
      {":7070", "unix:/path/to/socket or host:port"},
      {"::1:7070", "unix:/path/to/socket or host:port"},
      {"[::1:7070", "unix:/path/to/socket or host:port"},
      {"[localhost]:7070", "unix:/path/to/socket or host:port"},
      {"https://edge:1", "unix:/path/to/socket or host:port"},
  };
  for (const Row& row : rows) {
    const absl::Status status = check_endpoint(row.address, {});

    EXPECT_EQ(status.ok(), row.complaint.empty()) << row.address << ": " << status;
    EXPECT_NE(status.message().find(row.complaint), std::string::npos)
        << row.address << ": " << status;
  }
}

TEST(Endpoint, OtherHostsAreAcceptedWithTls) {
  TestAuthority authority("authority");

  EXPECT_TRUE(check_endpoint("10.0.0.1:7070", authority.issue("node")).ok());
}

TEST(Endpoint, EachWrongTlsFileIsNamed) {
  TestAuthority authority("authority");
  const TlsFiles good = authority.issue("node");
  const TlsFiles other = authority.issue("other");
  const std::string garbage = (authority.directory() / "garbage.pem").string();
  std::ofstream(garbage) << "no PEM";
  const std::pair<TlsFiles, std::string> rows[] = {
      {{good.certificate, good.key, ""}, "tls.client_ca: not given"},
      {{good.certificate, "", good.peer_ca}, "tls.key: not given"},
      {{"", good.key, good.peer_ca}, "tls.certificate: not given"},
      {{"/nonexistent.pem", good.key, good.peer_ca},
       "tls.certificate: cannot read /nonexistent.pem: No such file"},
      {{garbage, good.key, good.peer_ca}, "holds no certificate"},
      {{good.certificate, garbage, good.peer_ca}, "holds no unencrypted private key"},
      {{good.certificate, good.key, garbage}, "tls.client_ca: "},
      {{good.certificate, other.key, good.peer_ca}, "is not the key of"},
  };
  for (const auto& [files, complaint] : rows) {
    const absl::Status status = check_endpoint("10.0.0.1:7070", files);

    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(complaint), std::string::npos) << complaint << " in " << status;
  }
}

}  // namespace
}  // namespace sluice

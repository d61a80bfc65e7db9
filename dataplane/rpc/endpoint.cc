// SPDX-License-Identifier: Apache-2.0
//
// Checks endpoints and makes their gRPC credentials.
#include "dataplane/rpc/endpoint.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/rpc/tls_files.h"
#include "grpc/grpc_security_constants.h"

namespace sluice {
namespace {

constexpr std::string_view kUnixScheme = "unix:";
constexpr size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr char kForms[] = "write unix:/path/to/socket or host:port";

bool is_unix(std::string_view address) {
  return address.substr(0, kUnixScheme.size()) == kUnixScheme;
}

bool has_files(const TlsFiles& tls) {
  return !tls.certificate.empty() || !tls.key.empty() || !tls.peer_ca.empty();
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool is_host_name(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return !host.empty() && std::all_of(host.begin(), host.end(), allowed);
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// The host without brackets.  Errors: nullopt unless HOST:PORT.
std::optional<std::string> parse_host(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || !parse_port(address.substr(colon + 1)))
    return std::nullopt;

  const std::string_view host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string inner(bracketed ? host.substr(1, host.size() - 2) : host);
  if (bracketed ? !is_ipv6(inner) : !is_host_name(inner)) return std::nullopt;
  return inner;
}

bool is_loopback(const std::string& host) {
  in_addr ipv4;
  in6_addr ipv6;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6);
  return host == "localhost";
}

absl::Status check_unix_path(const std::string& address) {
  const std::string_view path = std::string_view(address).substr(kUnixScheme.size());
  if (path.empty() || path.front() != '/') {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", address, "\": a socket needs an absolute path, as unix:/run/sluice/dataplane.sock"));
  }
  if (path.size() > kUnixPathBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", address, "\": the path of a socket has at most ", kUnixPathBytesMax, " bytes"));
  }
  return absl::OkStatus();
}

enum class Proof { kLocalSocket, kLoopback, kMutualTls };

absl::StatusOr<Proof> proof_for(const std::string& address, const TlsFiles& tls) {
  if (is_unix(address)) {
    if (absl::Status checked = check_unix_path(address); !checked.ok()) return checked;
    return Proof::kLocalSocket;
  }
  const std::optional<std::string> host = parse_host(address);
  if (!host) {
    return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is no endpoint; ", kForms));
  }
  if (has_files(tls)) return Proof::kMutualTls;
  if (is_loopback(*host)) return Proof::kLoopback;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", address,
      "\": other hosts can reach it, so TLS is needed; give tls.certificate, tls.key and "
      "tls.client_ca, or use a unix: socket or a loopback address"));
}

grpc_local_connect_type local_type(Proof proof) {
  return proof == Proof::kLocalSocket ? UDS : LOCAL_TCP;
}

}  // namespace

absl::Status check_endpoint(const std::string& address, const TlsFiles& tls) {
  const absl::StatusOr<Proof> proof = proof_for(address, tls);
  if (!proof.ok()) return proof.status();
  // Files beside a local socket are checked too: they are what a controller shows to its nodes.
  return has_files(tls) ? read_tls_files(tls).status() : absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> server_credentials(
    const std::string& address, const TlsFiles& tls) {
  const absl::StatusOr<Proof> proof = proof_for(address, tls);
  if (!proof.ok()) return proof.status();
  if (*proof != Proof::kMutualTls)
    return grpc::experimental::LocalServerCredentials(local_type(*proof));

  const absl::StatusOr<TlsTexts> texts = read_tls_files(tls);
  if (!texts.ok()) return texts.status();
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = texts->peer_ca;
  options.pem_key_cert_pairs.push_back({texts->key, texts->certificate});
  return grpc::SslServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(
    const std::string& address, const TlsFiles& tls) {
  const absl::StatusOr<Proof> proof = proof_for(address, tls);
  if (!proof.ok()) return proof.status();
  if (*proof != Proof::kMutualTls) return grpc::experimental::LocalCredentials(local_type(*proof));

  const absl::StatusOr<TlsTexts> texts = read_tls_files(tls);
  if (!texts.ok()) return texts.status();
  return grpc::SslCredentials({.pem_root_certs = texts->peer_ca,
                               .pem_private_key = texts->key,
                               .pem_cert_chain = texts->certificate});
}

}  // namespace sluice

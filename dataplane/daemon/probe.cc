// SPDX-License-Identifier: Apache-2.0
//
// Connects, asks where HTTP is wanted, judges.
#include "dataplane/daemon/probe.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::dataplane {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketAddress socket_address(const IpAddress& address, uint32_t port) {
  SocketAddress result;
  const auto bytes = address.bytes();
  if (address.is_ipv4()) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&ipv4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &ipv4, sizeof ipv4);
    result.length = sizeof ipv4;
  } else {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&ipv6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &ipv6, sizeof ipv6);
    result.length = sizeof ipv6;
  }
  return result;
}

}  // namespace

Probe::Probe(const IpAddress& address, const v1::HealthCheck& check) : check_(check) {
  if (check.has_http()) unsent_ = http_request(check.http(), address.to_string());
  begin(address);
}

void Probe::begin(const IpAddress& address) {
  const uint32_t port = check_.has_http() ? check_.http().port() : check_.tcp().port();
  const SocketAddress to = socket_address(address, port);
  socket_ = Descriptor(socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_.is_open()) return fail(errno);
  // Closing with a reset: thousands of probes per second would fill the port space with TIME_WAIT.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0 &&
      errno != EINPROGRESS) {
    fail(errno);
  }
}

uint32_t Probe::wanted_events() const {
  return step_ == Step::kReceiving ? EPOLLIN : EPOLLOUT;
}

void Probe::advance() {
  if (verdict_.progress == ProbeProgress::kWaiting && step_ == Step::kConnecting) finish_connect();
  if (verdict_.progress == ProbeProgress::kWaiting && step_ == Step::kSending) send_request();
  if (verdict_.progress == ProbeProgress::kWaiting && step_ == Step::kReceiving) receive_answer();
}

void Probe::finish_connect() {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return fail(error);
  sockaddr_storage peer;
  length = sizeof peer;
  if (getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &length) != 0)
    return;  // not yet
  if (!check_.has_http()) {
    verdict_.progress = ProbeProgress::kSuccess;
    return;
  }
  step_ = Step::kSending;
}

void Probe::send_request() {
  while (!unsent_.empty()) {
    const ssize_t count = send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return fail(errno);
    unsent_.erase(0, static_cast<size_t>(count));
  }
  step_ = Step::kReceiving;
}

void Probe::receive_answer() {
  std::array<char, 16 * 1024> block;
  while (verdict_.progress == ProbeProgress::kWaiting) {
    const ssize_t count = recv(socket_.get(), block.data(), block.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return fail(errno);
    received_.append(block.data(), static_cast<size_t>(count));
    const bool is_enough = count == 0 || received_.size() >= kHttpAnswerBytesMax;
    verdict_ = judge_http_answer(check_.http(), received_,
                                 is_enough ? StreamEnd::kClosed : StreamEnd::kOpen);
  }
}

void Probe::fail(int error) {
  std::string words = std::strerror(error);
  std::transform(words.begin(), words.begin() + 1, words.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  verdict_ = {ProbeProgress::kFailure, words};
}

}  // namespace sluice::dataplane

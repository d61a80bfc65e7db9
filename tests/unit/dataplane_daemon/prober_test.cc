// SPDX-License-Identifier: Apache-2.0
//
// Probes over real sockets on loopback.
#include "dataplane/daemon/prober.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "dataplane/daemon/disk.h"

namespace sluice::dataplane {
namespace {

using std::chrono::milliseconds;
constexpr std::chrono::seconds kPatience(10);

// A server on a port of the kernel's choice that gives every connection the same answer; none: only
// accepts.
class Server {
 public:
  explicit Server(std::string answer) : answer_(std::move(answer)) {
    listener_ = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_.get(), 16);
    socklen_t length = sizeof address;
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
  }
  uint32_t port() const { return port_; }

 private:
  void run() {
    std::vector<Descriptor> silent;
    while (!stop_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 20) != 1) continue;
      Descriptor peer(accept(listener_.get(), nullptr, nullptr));
      char request[1024];
      if (answer_.empty()) {
        silent.push_back(std::move(peer));
        continue;
      }
      [[maybe_unused]] ssize_t count = recv(peer.get(), request, sizeof request, 0);
      count = send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  const std::string answer_;
  Descriptor listener_;
  uint32_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// Takes what the prober says and waits for it.
class Listener {
 public:
  Prober::OnChange on_change() {
    return [this](const HealthChange& change) {
      const std::lock_guard lock(mutex_);
      changes_.push_back(change);
      changed_.notify_all();
    };
  }
  std::optional<HealthChange> next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return taken_ < changes_.size(); }))
      return std::nullopt;
    return changes_[taken_++];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HealthChange> changes_;
  size_t taken_ = 0;
};

google::protobuf::Duration duration(milliseconds length) {
  google::protobuf::Duration result;
  result.set_nanos(static_cast<int32_t>(std::chrono::nanoseconds(length).count()));
  return result;
}

ProbeTarget target_of(const std::string& name) {
  ProbeTarget target;
  target.backend = {"chat", name, *IpAddress::parse("127.0.0.1")};
  *target.check.mutable_interval() = duration(milliseconds(20));
  *target.check.mutable_fast_interval() = duration(milliseconds(10));
  *target.check.mutable_timeout() = duration(milliseconds(100));
  return target;
}

ProbeTarget tcp_target(const std::string& name, uint32_t port) {
  ProbeTarget target = target_of(name);
  target.check.mutable_tcp()->set_port(port);
  return target;
}

ProbeTarget http_target(const std::string& name, uint32_t port, const std::string& body) {
  ProbeTarget target = target_of(name);
  target.check.mutable_http()->set_port(port);
  target.check.mutable_http()->set_expect_body(body);
  return target;
}

// A port that nobody listens on, kept so.
struct ClosedPort {
  Descriptor socket;
  uint32_t port = 0;
  ClosedPort() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t length = sizeof address;
    getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
  }
};

TEST(Prober, ListeningBackendRises) {
  Server server("");
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());

  prober->set_targets({tcp_target("a", server.port())});

  const auto change = listener.next();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->health, Health::kUp);
  EXPECT_EQ(change->backend.name, "a");
  EXPECT_EQ(change->reason, "2 probes succeeded");
}

TEST(Prober, RefusedConnectionsMakeABackendFall) {
  ClosedPort closed;
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());
  const ProbeTarget target = tcp_target("a", closed.port);

  prober->set_targets({target}, {{target.backend, Health::kUp}});

  const auto change = listener.next();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->health, Health::kDown);
  EXPECT_EQ(change->reason, "3 probes failed: connection refused");
}

TEST(Prober, SilentHttpServerTimesOut) {
  Server server("");
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());

  prober->set_targets({http_target("a", server.port(), "")});

  const auto change = listener.next();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->reason, "3 probes failed: timed out");
}

TEST(Prober, HttpStatusAndBodyDecide) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
  Server good(head + "chat v1");
  Server wrong(head + "chat v2");
  Server busy("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());

  prober->set_targets({http_target("good", good.port(), "chat v1"),
                       http_target("wrong", wrong.port(), "chat v1"),
                       http_target("busy", busy.port(), "")});

  std::map<std::string, std::string> reasons;
  for (int i = 0; i < 3; ++i) {
    const auto change = listener.next();
    ASSERT_TRUE(change.has_value());
    reasons[change->backend.name] = change->reason;
  }
  EXPECT_EQ(reasons["good"], "2 probes succeeded");
  EXPECT_EQ(reasons["wrong"], "3 probes failed: the body does not contain \"chat v1\"");
  EXPECT_EQ(reasons["busy"], "3 probes failed: status 503");
}

TEST(Prober, BackendThatStaysKeepsItsState) {
  Server server("");
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());
  prober->set_targets({tcp_target("a", server.port())});
  ASSERT_EQ(listener.next()->backend.name, "a");

  prober->set_targets({tcp_target("a", server.port()), tcp_target("b", server.port())});

  const auto change = listener.next();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->backend.name, "b") << "a is up already: no change to tell";
}

TEST(Prober, TablesThatFollowEachOtherQuicklyDoNotBlindIt) {
  Server silent("");
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());
  std::atomic<bool> stop = false;
  std::thread pusher([&] {
    while (!stop) {
      prober->set_targets({http_target("a", silent.port(), "")});
      std::this_thread::sleep_for(milliseconds(5));  // a probe times out after 100
    }
  });

  const auto change = listener.next();
  stop = true;
  pusher.join();

  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->reason, "3 probes failed: timed out");
}

TEST(Prober, DeathAndReturnAreNoticed) {
  auto server = std::make_unique<Server>("");
  const uint32_t port = server->port();
  Listener listener;
  const auto prober = *Prober::start(listener.on_change());
  prober->set_targets({tcp_target("a", port)});
  ASSERT_EQ(listener.next()->health, Health::kUp);

  server.reset();

  EXPECT_EQ(listener.next()->health, Health::kDown);
}

}  // namespace
}  // namespace sluice::dataplane

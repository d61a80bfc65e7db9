// SPDX-License-Identifier: Apache-2.0
//
// Metrics from a real Prometheus, and answers that are none; the clock that does not jump.
#include "controlplane/rollout/prometheus.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/rollout/metric_poller.h"
#include "controlplane/rollout/slewed_clock.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;
constexpr char kProgram[] = "/usr/bin/prometheus";

int free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(handle, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(handle);
  return ntohs(address.sin_port);
}

// A server that scrapes nothing; PromQL's own vector() gives it values.
class Prometheus {
 public:
  Prometheus() {
    std::ofstream(directory_.path("prometheus.yml")) << "global: {}\n";
    const std::string listen = absl::StrCat("--web.listen-address=127.0.0.1:", port_);
    const std::string config = "--config.file=" + directory_.path("prometheus.yml");
    const std::string data = "--storage.tsdb.path=" + directory_.path("data");
    process_ = ::fork();
    if (process_ == 0) {
      const int nothing = ::open("/dev/null", O_WRONLY);
      ::dup2(nothing, 1);
      ::dup2(nothing, 2);
      ::execl(kProgram, kProgram, listen.c_str(), config.c_str(), data.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~Prometheus() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  v1::PrometheusQuery query(const std::string& text) const {
    v1::PrometheusQuery query;
    query.set_url(absl::StrCat("http://127.0.0.1:", port_));
    query.set_query(text);
    return query;
  }
  absl::StatusOr<double> ask(const std::string& text) const {
    return ask_prometheus(query(text), absl::Seconds(5));
  }
  bool comes_up() const {
    for (int i = 0; i < 300; ++i) {
      if (ask("vector(1)").ok()) return true;
      absl::SleepFor(absl::Milliseconds(100));
    }
    return false;
  }

 private:
  sluice::testing::TemporaryDirectory directory_;
  const int port_ = free_port();
  pid_t process_ = -1;
};

TEST(PrometheusMetric, ARealServerAnswersItsQueries) {
  if (::access(kProgram, X_OK) != 0) GTEST_SKIP() << kProgram << " is not installed";
  const Prometheus server;
  ASSERT_TRUE(server.comes_up());
  EXPECT_EQ(*server.ask("vector(0.25)"), 0.25);
  EXPECT_EQ(*server.ask("scalar(vector(3)) * 2"), 6);
  EXPECT_THAT(std::string(server.ask("vector(1) +").status().message()),
              HasSubstr("prometheus: invalid parameter \"query\""));
  EXPECT_EQ(server.ask("up").status().message(), "prometheus: the result has 0 values, not one");
  EXPECT_EQ(server.ask("vector(1)[5m:1m]").status().message(),
            "prometheus: the result is a matrix, not one value");

  v1::Policy policy;
  v1::Rollout& rollout = *policy.add_rollouts();
  rollout.mutable_metadata()->set_name("v2");
  v1::RolloutMetric& metric = *rollout.mutable_spec()->mutable_analysis()->add_metrics();
  metric.set_name("errors");
  *metric.mutable_prometheus() = server.query("vector(0.125)");
  MetricStore metrics;
  MetricPoller poller({.policy = [&] { return std::make_shared<const v1::Policy>(policy); },
                       .clock = [] { return absl::FromUnixSeconds(9); }},
                      metrics);
  poller.poll();
  EXPECT_EQ(metrics.of("v2")["errors"].value, 0.125);
  EXPECT_EQ(metrics.of("v2")["errors"].time, absl::FromUnixSeconds(9));
}

TEST(PrometheusMetric, AServerThatIsNotThereIsSaidAndTheLastValueStays) {
  v1::PrometheusQuery query;
  query.set_url(absl::StrCat("http://127.0.0.1:", free_port()));
  query.set_query("up");
  const absl::Status status = ask_prometheus(query, absl::Seconds(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("prometheus at http://127.0.0.1:"));

  MetricStore metrics;
  metrics.set("v2", "errors", 1, absl::FromUnixSeconds(5));
  metrics.set_error("v2", "errors", "away");
  EXPECT_EQ(metrics.of("v2")["errors"].value, 1);
  EXPECT_EQ(metrics.of("v2")["errors"].error, "away");
}

TEST(PrometheusMetric, AnswersThatAreNoAnswersSayWhatTheyAre) {
  EXPECT_EQ(*parse_prometheus_answer(
                R"({"status":"success","data":{"resultType":"vector","result":[
                {"metric":{},"value":[1,"NaN"]}]}})") == 0,
            false);
  EXPECT_THAT(std::string(parse_prometheus_answer("<html>").status().message()),
              HasSubstr("is `url` that of a Prometheus server?"));
  EXPECT_EQ(parse_prometheus_answer("{}").status().message(),
            "prometheus: the answer has no status");
  EXPECT_EQ(parse_prometheus_answer(R"({"status":"error","error":"too much"})").status().message(),
            "prometheus: too much");
  EXPECT_EQ(
      parse_prometheus_answer(R"({"status":"success","data":{"resultType":"scalar","result":[1]}})")
          .status()
          .message(),
      "prometheus: its answer has no value");
}

TEST(SlewedClock, FollowsTheWallClockWithoutItsJumps) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  const absl::Duration second = absl::Seconds(1);
  EXPECT_EQ(SlewedClock::follow(start, second, start + second), start + second);
  EXPECT_EQ(SlewedClock::follow(start, second, start + absl::Hours(1)), start + second * 1.1);
  EXPECT_EQ(SlewedClock::follow(start, second, start - absl::Hours(1)), start + second * 0.9);
}

}  // namespace
}  // namespace sluice::controlplane

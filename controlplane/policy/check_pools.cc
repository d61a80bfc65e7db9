// SPDX-License-Identifier: Apache-2.0
//
// Pools: table size, health check and backends.
#include <algorithm>
#include <map>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/defaults.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/read_message.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr Range kTableSlots = {7, 16'777'213};
constexpr Range kWeight = {0, 1'000'000};
constexpr Range kPort = {1, 65'535};
constexpr Range kStatus = {100, 599};
constexpr Range kThreshold = {1, 100};
constexpr int64_t kMillisecond = 1'000'000;
constexpr DurationRange kInterval = {10 * kMillisecond, 3'600'000 * kMillisecond};
constexpr DurationRange kTimeout = {1 * kMillisecond, 60'000 * kMillisecond};
constexpr size_t kBodyMax = 65'536;  // of the body that probes read

bool is_prime(uint32_t number) {
  if (number < 2) return false;
  for (uint32_t divisor = 2; divisor <= number / divisor; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

// "the nearest are 65521 and 65537"
std::string nearest_primes(uint32_t number) {
  uint32_t below = number, above = number;
  while (!is_prime(below))
    --below;
  while (!is_prime(above))
    ++above;
  return fmt::format("the nearest are {} and {}", below, above);
}

bool is_header_text(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

void check_table_slots(Checker& checker, const std::string& path, const v1::PoolSpec& pool) {
  const uint32_t slots = table_slots(pool);
  if (slots < kTableSlots.min || slots > kTableSlots.max) {
    return checker.add(path, fmt::format("must be a prime in {}..{}, not {}", kTableSlots.min,
                                         kTableSlots.max, slots));
  }
  if (!is_prime(slots))
    return checker.add(path, fmt::format("{} is no prime; {}", slots, nearest_primes(slots)));
  if (static_cast<size_t>(pool.backends_size()) > slots) {
    checker.add(path, fmt::format("{} slots cannot hold {} backends", slots, pool.backends_size()));
  }
}

void check_http(Checker& checker, const std::string& path, const v1::HttpProbe& http) {
  checker.check_range(path + ".port", http.port(), kPort);
  if (!http.path().empty() && (http.path()[0] != '/' || !is_header_text(http.path()))) {
    checker.add(path + ".path",
                fmt::format("{} must begin with / and have no spaces", quote(http.path())));
  }
  if (!is_header_text(http.host())) {
    checker.add(path + ".host",
                fmt::format("{} cannot stand in a Host header", quote(http.host())));
  }
  if (http.expect_body().size() > kBodyMax) {
    checker.add(path + ".expect_body",
                fmt::format("longer than the {} bytes that are read", kBodyMax));
  }
  for (int i = 0; i < http.expect_status_size(); ++i) {
    checker.check_range(fmt::format("{}.expect_status[{}]", path, i), http.expect_status(i),
                        kStatus);
  }
}

void check_probe(Checker& checker, const std::string& path, const v1::HealthCheck& health) {
  switch (health.probe_case()) {
    case v1::HealthCheck::kTcp:
      return checker.check_range(path + ".tcp.port", health.tcp().port(), kPort);
    case v1::HealthCheck::kHttp:
      return check_http(checker, path + ".http", health.http());
    case v1::HealthCheck::kGrpc:
      return checker.refuse_unbuilt(path + ".grpc", "gRPC probes are");
    default:
      return checker.add(path, "needs a probe: tcp or http");
  }
}

void check_health(Checker& checker, const std::string& path, const v1::HealthCheck& health) {
  if (health.has_interval())
    checker.check_duration(path + ".interval", health.interval(), kInterval);
  if (health.has_fast_interval()) {
    checker.check_duration(path + ".fast_interval", health.fast_interval(),
                           {kInterval.min, std::max(kInterval.min, interval_ns(health))});
  }
  if (health.has_timeout()) checker.check_duration(path + ".timeout", health.timeout(), kTimeout);
  if (health.has_rise()) checker.check_range(path + ".rise", health.rise(), kThreshold);
  if (health.has_fall()) checker.check_range(path + ".fall", health.fall(), kThreshold);
  check_probe(checker, path, health);
}

void check_backend_name(Checker& checker, const std::string& path, const std::string& name,
                        std::map<std::string, std::string>& owners) {
  if (name.empty()) return checker.add(path + ".name", "is required");
  if (!is_object_name(name)) {
    return checker.add(path + ".name",
                       fmt::format("{} is no name; lower-case letters, digits and dashes, at most "
                                   "63, no dash first or last",
                                   quote(name)));
  }
  const auto [first, added] = owners.try_emplace(name, path);
  if (added) return;
  checker.add(path + ".name", fmt::format("{} is taken by another backend of the pool{}",
                                          quote(name), checker.place(first->second)));
}

// What nodes can keep as milliseconds since 1970, and RFC 3339 can write.
void check_end(Checker& checker, const std::string& path, const google::protobuf::Timestamp& end) {
  constexpr int64_t kSecondsMax = 253'402'300'799;  // the end of 9999
  if (end.seconds() < 0 || end.seconds() > kSecondsMax)
    checker.add(path, "must be in the years 1970..9999");
}

void check_backends(Checker& checker, const std::string& pool_path, const v1::Pool& pool) {
  std::map<std::string, std::string> names;
  std::map<dataplane::IpAddress, std::string> addresses;
  const std::vector<std::string> paths = backend_paths(pool_path, pool);
  for (int i = 0; i < pool.spec().backends_size(); ++i) {
    const v1::Backend& backend = pool.spec().backends(i);
    const std::string& path = paths[static_cast<size_t>(i)];
    check_backend_name(checker, path, backend.name(), names);
    checker.check_range(path + ".weight", weight_of(backend), kWeight);
    checker.check_labels(path + ".labels", backend.labels());
    if (backend.has_eligible_until())
      check_end(checker, path + ".eligible_until", backend.eligible_until());
    const auto address = checker.check_address(path + ".address", backend.address());
    if (!address) continue;
    const auto [first, added] = addresses.try_emplace(*address, path);
    if (added) continue;
    checker.add(path + ".address",
                fmt::format("{} is the address of {}{} already", address->to_string(),
                            first->second, checker.place(first->second)));
  }
}

void check_forwarding(Checker& checker, const std::string& path, v1::Forwarding forwarding) {
  if (forwarding == v1::FORWARDING_UNSPECIFIED || forwarding == v1::FORWARDING_IPIP ||
      forwarding == v1::FORWARDING_L2) {
    return;
  }
  const auto* value = v1::Forwarding_descriptor()->FindValueByNumber(forwarding);
  if (value == nullptr) return checker.add(path, "is unknown");
  checker.refuse_unbuilt(path, fmt::format("forwarding {} is", enum_text(*value)));
}

}  // namespace

void check_pools(Checker& checker) {
  for (int i = 0; i < checker.policy().pools_size(); ++i) {
    const v1::Pool& pool = checker.policy().pools(i);
    const std::string path = checker.path_of("Pool", pool, i);
    checker.check_labels(path + ".metadata.labels", pool.metadata().labels());
    check_forwarding(checker, path + ".spec.forwarding", pool.spec().forwarding());
    check_table_slots(checker, path + ".spec.table_slots", pool.spec());
    if (pool.spec().has_eligible_until()) {
      check_end(checker, path + ".spec.eligible_until", pool.spec().eligible_until());
    }
    if (min_up(pool.spec()) < 1) checker.add(path + ".spec.min_up", "must be at least 1");
    if (pool.spec().has_health())
      check_health(checker, path + ".spec.health", pool.spec().health());
    check_backends(checker, path, pool);
  }
}

}  // namespace sluice::controlplane

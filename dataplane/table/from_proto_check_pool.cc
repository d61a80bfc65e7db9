// SPDX-License-Identifier: Apache-2.0
//
// Whether a pool's settings are in range.
#include <cstdint>
#include <string>

#include "dataplane/maglev/maglev_table.h"
#include "dataplane/table/from_proto_violations.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kSlotsMin = 7;

void check_timestamp(const std::string& path, const google::protobuf::Timestamp& time,
                     ViolationList& violations) {
  constexpr int64_t kSecondsMax = 253'402'300'799;  // end of the year 9999, as protobuf has it
  if (time.seconds() < 0 || time.seconds() > kSecondsMax || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    violations.add(path + ".eligible_until", "is no time from 1970 to 9999");
  }
}

void check_health(const std::string& path, const v1::HealthCheck& health,
                  ViolationList& violations) {
  const auto check_port = [&](absl::string_view kind, uint32_t port) {
    if (port == 0 || port > 65535)
      violations.add(absl::StrCat(path, ".", kind, ".port"), "is ", port);
  };
  if (health.has_tcp()) {
    check_port("tcp", health.tcp().port());
  } else if (health.has_http()) {
    check_port("http", health.http().port());
  } else {
    violations.add(path, "has no probe that is built: tcp or http");
  }
  if (health.rise() < 1 || health.rise() > 100) violations.add(path + ".rise", "must be 1 to 100");
  if (health.fall() < 1 || health.fall() > 100) violations.add(path + ".fall", "must be 1 to 100");
  const auto check_duration = [&](absl::string_view field, const google::protobuf::Duration& time) {
    const bool in_range = time.seconds() >= 0 && time.seconds() <= 3600 && time.nanos() >= 0 &&
                          time.nanos() <= 999'999'999 && (time.seconds() > 0 || time.nanos() > 0);
    if (!in_range)
      violations.add(absl::StrCat(path, ".", field), "must be above 0 and at most 1 h");
  };
  check_duration("interval", health.interval());
  check_duration("fast_interval", health.fast_interval());
  check_duration("timeout", health.timeout());
}

}  // namespace

void check_pool_settings(const std::string& path, const v1::PoolEntry& pool,
                         ViolationList& violations) {
  if (pool.forwarding() != v1::FORWARDING_IPIP && pool.forwarding() != v1::FORWARDING_L2) {
    violations.add(path + ".forwarding", "is ", pool.forwarding(), "; ipip and l2 are built");
  }
  const uint32_t slots = pool.table_slots();
  if (slots < kSlotsMin || slots > kSlotsMax || !is_prime(slots)) {
    violations.add(path + ".table_slots", "is ", slots, ", must be a prime from 7 to 16777213");
  }
  if (pool.min_up() == 0) violations.add(path + ".min_up", "is 0, must be at least 1");
  if (pool.has_eligible_until()) check_timestamp(path, pool.eligible_until(), violations);
  for (const v1::BackendEntry& backend : pool.backends()) {
    if (!backend.has_eligible_until()) continue;
    check_timestamp(absl::StrCat(path, ".backends[", backend.name(), "]"), backend.eligible_until(),
                    violations);
  }
  if (pool.has_health()) check_health(path + ".health", pool.health(), violations);
}

}  // namespace sluice::dataplane

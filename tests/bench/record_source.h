// SPDX-License-Identifier: Apache-2.0
//
// Flow records as a busy fleet's node writes them: a start and an end for each flow.
#pragma once

#include <cstdint>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "sluice/v1/audit.pb.h"

namespace sluice::bench {

inline constexpr uint32_t kServices = 32;
inline constexpr uint32_t kClients = 10'000;
inline constexpr uint32_t kBackends = 1000;

class RecordSource {
 public:
  // 100,000 flows per second of the time in the records; the same records for the same seed.
  explicit RecordSource(uint64_t seed) : random_(seed) {}

  v1::FlowRecord next();

 private:
  v1::FlowRecord start();

  struct End {
    uint64_t time_ns;
    v1::FlowRecord record;
    bool operator<(const End& other) const { return time_ns > other.time_ns; }
  };
  std::mt19937_64 random_;
  uint64_t now_ns_ = 1'790'000'000'000'000'000;
  uint64_t sequence_ = 0;
  uint64_t flow_ = 0;
  std::priority_queue<End> ends_;
};

std::string client_address(uint32_t client);

}  // namespace sluice::bench

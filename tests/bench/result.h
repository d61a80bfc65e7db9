// SPDX-License-Identifier: Apache-2.0
//
// What a benchmark prints: one line of JSON for each result.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace sluice::bench {

// One figure a round, in the unit of the result.
using Rounds = std::vector<double>;

struct Result {
  std::string name;
  uint32_t size = 0;
  Rounds ours = {};
  Rounds limit = {};  // empty: none was measured
};

inline double best(const Rounds& rounds) {
  return *std::min_element(rounds.begin(), rounds.end());
}

inline std::string spread(Rounds rounds) {
  if (rounds.empty()) return "null";
  std::sort(rounds.begin(), rounds.end());
  char text[96];
  std::snprintf(text, sizeof text, "[%.2f,%.2f,%.2f]", rounds.front(), rounds[rounds.size() / 2],
                rounds.back());
  return text;
}

// `group` is what the name begins with.
inline void print(const char* group, const char* unit, const Result& result) {
  const double ours = best(result.ours);
  std::string limit = "null", ratio = "null";
  if (!result.limit.empty()) {
    limit = std::to_string(best(result.limit));
    ratio = std::to_string(ours / best(result.limit));
  }
  std::fprintf(stdout,
               "{\"name\":\"%s/%s\",\"size\":%u,\"ours\":%.3f,\"limit\":%s,\"unit\":\"%s\","
               "\"ratio\":%s,\"ours_rounds\":%s,\"limit_rounds\":%s}\n",
               group, result.name.c_str(), result.size, ours, limit.c_str(), unit, ratio.c_str(),
               spread(result.ours).c_str(), spread(result.limit).c_str());
  std::fflush(stdout);
}

template <class Work>
double time_us(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
  return spent.count();
}

// Keeps the compiler from leaving out what makes `result`.
template <class T>
void keep(const T& result) {
  asm("" : : "r"(&result) : "memory");
}

}  // namespace sluice::bench

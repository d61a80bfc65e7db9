// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a forwarding table, as its checks write it down.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

class ViolationList {
 public:
  template <class... Parts>
  void add(absl::string_view path, const Parts&... what) {
    if (is_full()) return;
    lines_.push_back(absl::StrCat(path, ": ", what...));
    if (is_full()) lines_.emplace_back("table: there is more that is wrong");
  }
  bool is_full() const { return lines_.size() >= kLinesMax; }
  bool is_empty() const { return lines_.empty(); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  // More help nobody, and a table can be wrong in more ways than memory holds.
  static constexpr size_t kLinesMax = 1000;

  std::vector<std::string> lines_;
};

// What a pool says beside its backends.  Shape: `path` is the pool's.
void check_pool_settings(const std::string& path, const v1::PoolEntry& pool,
                         ViolationList& violations);

// What a route says beside its split and fallbacks.  Shape: `path` is the route's; whether pools
// exist is another check's.
void check_route_settings(const std::string& path, const v1::RouteEntry& route,
                          ViolationList& violations);

inline constexpr size_t kSeedBytesMax = 255;
inline constexpr uint32_t kSlotsMax = 16'777'213;  // of one pool; a prime

}  // namespace sluice::dataplane

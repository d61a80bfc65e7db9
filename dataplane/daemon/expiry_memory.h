// SPDX-License-Identifier: Apache-2.0
//
// Which backends were past their `eligible_until` before: a clock that jumps back brings none back.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "dataplane/table/registry.h"

namespace sluice::dataplane {

// Outlives the process as part of what is saved. A table that names another time for a backend is
// judged by the clock anew.
class ExpiryMemory {
 public:
  // Whether the backend is, or ever was, past this time.
  bool is_past(const BackendIdentity& backend, int64_t until_unix_ms, int64_t now_unix_ms) {
    if (until_unix_ms == INT64_MAX) return false;
    if (now_unix_ms < until_unix_ms) return past_.contains({backend, until_unix_ms});
    past_.emplace(backend, until_unix_ms);
    return true;
  }

  using Past = std::set<std::pair<BackendIdentity, int64_t>>;  // with the times, unix ms
  const Past& past() const { return past_; }
  void remember(const BackendIdentity& backend, int64_t until_unix_ms) {
    past_.emplace(backend, until_unix_ms);
  }

 private:
  Past past_;
};

}  // namespace sluice::dataplane

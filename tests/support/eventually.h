// SPDX-License-Identifier: Apache-2.0
//
// Waits for what another thread brings about.
#pragma once

#include <chrono>
#include <thread>

namespace sluice::testing {

// True as soon as `claim()` holds; false when it does not within a generous time.
template <typename Claim>
bool eventually(const Claim& claim) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (claim()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return claim();
}

}  // namespace sluice::testing

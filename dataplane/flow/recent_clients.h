// SPDX-License-Identifier: Apache-2.0
//
// Which clients opened a flow a moment ago: bounded and approximate, for statistics. A client that
// another one pushed out of its place is taken for new.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "dataplane/flow/touched_array.h"

namespace sluice::dataplane {

// Thread: the lcore that owns it.  Alloc: startup; none after `create`.
class RecentClients {
 public:
  static constexpr uint32_t kPlaces = 1u << 16;

  // Errors: nullopt when memory is short.
  static std::optional<RecentClients> create() noexcept {
    auto places = TouchedArray<Place>::create(kPlaces);
    if (!places) return std::nullopt;
    RecentClients clients;
    clients.places_ = std::move(*places);
    return clients;
  }

  // Notes that the client was here. True when it was at most `within_ms` ago as well.
  // Shape: `hash` is keyed, and of the client and all that tells what it did.  Cost: one line.
  bool note(uint64_t hash, uint64_t now_ms, uint64_t within_ms) noexcept {
    Place& place = places_[hash % kPlaces];
    const uint64_t mark = hash | 1;  // 0 is of nobody
    const bool was_here = place.mark == mark && now_ms - place.seen_ms <= within_ms;
    place = {mark, now_ms};
    return was_here;
  }

 private:
  struct Place {
    uint64_t mark;
    uint64_t seen_ms;
  };

  TouchedArray<Place> places_;
};

}  // namespace sluice::dataplane

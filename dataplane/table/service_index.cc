// SPDX-License-Identifier: Apache-2.0
//
// Building of the service look-up.
#include "dataplane/table/service_index.h"

#include <algorithm>
#include <bit>

namespace sluice::dataplane {

ServiceLookup ServiceLookup::build(std::span<const ServiceEndpoint> endpoints) {
  ServiceLookup lookup;
  std::vector<ServiceEndpoint>& sorted = lookup.endpoints_;
  sorted.assign(endpoints.begin(), endpoints.end());
  std::sort(sorted.begin(), sorted.end());
  const auto same = [](const ServiceEndpoint& a, const ServiceEndpoint& b) {
    return a.address == b.address && a.protocol == b.protocol && a.port == b.port;
  };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
  for (const ServiceEndpoint& endpoint : sorted) {
    lookup.ports_.push_back({uint32_t{endpoint.protocol} << 16 | endpoint.port, endpoint.service});
  }
  lookup.slots_v4_ = lookup.make_slots<Family::kIpv4>();
  lookup.slots_v6_ = lookup.make_slots<Family::kIpv6>();
  return lookup;
}

template <Family F>
ServiceLookup::Slots<F> ServiceLookup::make_slots() const {
  const auto of_family = [](const ServiceEndpoint& endpoint) {
    return endpoint.address.family() == F;
  };
  const auto count = std::count_if(endpoints_.begin(), endpoints_.end(), of_family);
  Slots<F> slots(std::bit_ceil(2 * static_cast<size_t>(count) + 1));
  for (uint32_t i = 0; i < endpoints_.size(); ++i) {
    if (!of_family(endpoints_[i])) continue;
    const uint8_t* address = endpoints_[i].address.bytes().data();
    size_t position = hash_of<F>(address) & (slots.size() - 1);
    const auto taken_by_other = [&] {
      return slots[position].count != 0 &&
             std::memcmp(slots[position].address.data(), address, Slot<F>::kBytes) != 0;
    };
    while (taken_by_other())
      position = (position + 1) & (slots.size() - 1);
    if (slots[position].count == 0) {
      std::memcpy(slots[position].address.data(), address, Slot<F>::kBytes);
      slots[position].first = i;
    }
    ++slots[position].count;
  }
  return slots;
}

}  // namespace sluice::dataplane

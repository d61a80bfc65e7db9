// SPDX-License-Identifier: Apache-2.0
//
// Building of the service look-up.
#include "dataplane/table/service_index.h"

#include <algorithm>
#include <bit>

namespace sluice::dataplane {

template <Family F>
void ServiceLookup::Slots<F>::resize(size_t size) {
  slots_.assign(size, Slot{});
  mask_ = size - 1;
}

template <Family F>
void ServiceLookup::Slots<F>::insert(const Destination<F>& destination,
                                     ServiceIndex service) noexcept {
  size_t position = destination.hash() & mask_;
  while (!slots_[position].service.is_none())
    position = (position + 1) & mask_;
  slots_[position] = {destination, service};
}

ServiceLookup ServiceLookup::build(std::span<const ServiceEndpoint> endpoints) {
  ServiceLookup lookup;
  std::vector<ServiceEndpoint>& sorted = lookup.endpoints_;
  sorted.assign(endpoints.begin(), endpoints.end());
  std::sort(sorted.begin(), sorted.end());
  const auto same = [](const ServiceEndpoint& a, const ServiceEndpoint& b) {
    return a.address == b.address && a.protocol == b.protocol && a.port == b.port;
  };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
  lookup.fill(lookup.slots_v4_);
  lookup.fill(lookup.slots_v6_);
  return lookup;
}

template <Family F>
void ServiceLookup::fill(Slots<F>& slots) const {
  const auto count = std::ranges::count_if(
      endpoints_, [](const ServiceEndpoint& endpoint) { return endpoint.address.family() == F; });
  slots.resize(std::bit_ceil(2 * static_cast<size_t>(count) + 1));
  constexpr std::array<uint8_t, 16> kAnySource{};
  for (const ServiceEndpoint& endpoint : endpoints_) {
    if (endpoint.address.family() != F) continue;
    const auto key = FlowKey<F>::make(kAnySource.data(), endpoint.address.bytes().data(), {},
                                      Be16::from_host(endpoint.port), endpoint.protocol);
    slots.insert(Destination<F>::exact(key), endpoint.service);
  }
}

template <Family F>
bool ServiceLookup::has_address(const uint8_t* address) const noexcept {
  const IpAddress wanted = *IpAddress::from_bytes({address, FlowKey<F>::kAddressBytes});
  return std::ranges::binary_search(endpoints_, wanted, {}, &ServiceEndpoint::address);
}

template bool ServiceLookup::has_address<Family::kIpv4>(const uint8_t*) const noexcept;
template bool ServiceLookup::has_address<Family::kIpv6>(const uint8_t*) const noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Which service a packet's destination belongs to.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "dataplane/net/flow_key.h"
#include "dataplane/net/ip_address.h"
#include "dataplane/table/ids.h"

namespace sluice::dataplane {

// One (address, protocol, port) that clients connect to.
struct ServiceEndpoint {
  IpAddress address;
  uint8_t protocol = 0;  // IANA number
  uint16_t port = 0;     // host order; 0: any port of the protocol
  ServiceIndex service;
  friend auto operator<=>(const ServiceEndpoint&, const ServiceEndpoint&) = default;
};

// Immutable after construction: one hash of the address, then a search among its few ports. The
// hash is not keyed, because only operators put addresses in; a packet can but miss.
class ServiceLookup {
 public:
  ServiceLookup() = default;  // finds nothing
  // Of two equal (address, protocol, port) the one with the lower service counts.  Alloc: yes.
  static ServiceLookup build(std::span<const ServiceEndpoint> endpoints);

  // The service of the flow's destination: its exact port before any port; none when there is none.
  // Alloc: none.  Cost: 2 lines.
  template <Family F>
  ServiceIndex find(const FlowKey<F>& key) const noexcept {
    const Slot<F>& slot = slot_of<F>(key.destination());
    const std::span<const Port> ports(ports_.data() + slot.first, slot.count);
    const uint32_t any = uint32_t{key.protocol()} << 16;
    const uint32_t exact = any | key.destination_port().host();
    ServiceIndex found;
    for (const Port& port : ports) {  // sorted: any port comes before the exact one
      if (port.key == any) found = port.service;
      if (port.key >= exact) return port.key == exact ? port.service : found;
    }
    return found;
  }

  // Whether the address (4 or 16 bytes, network order) belongs to any service, whatever the port.
  template <Family F>
  bool has_address(const uint8_t* address) const noexcept {
    return slot_of<F>(address).count != 0;
  }

  std::span<const ServiceEndpoint> endpoints() const noexcept { return endpoints_; }  // sorted

 private:
  struct Port {
    uint32_t key = 0;  // protocol << 16 | port
    ServiceIndex service;
  };
  template <Family F>
  struct Slot {
    static constexpr size_t kBytes = F == Family::kIpv4 ? 4 : 16;
    std::array<uint8_t, kBytes> address{};
    uint32_t first = 0;
    uint32_t count = 0;  // 0: empty
  };
  template <Family F>
  using Slots = std::vector<Slot<F>>;  // size is a power of two, at most half full

  template <Family F>
  static size_t hash_of(const uint8_t* address) noexcept {
    std::array<uint64_t, 2> words{};
    std::memcpy(words.data(), address, Slot<F>::kBytes);
    const uint64_t mixed = (words[0] ^ (words[1] << 29 | words[1] >> 35)) * 0x9e37'79b9'7f4a'7c15;
    return static_cast<size_t>(mixed ^ mixed >> 32);
  }

  // The address's slot, or the empty one that ends its probe.
  template <Family F>
  const Slot<F>& slot_of(const uint8_t* address) const noexcept {
    const Slots<F>& slots = this->slots<F>();
    const size_t mask = slots.size() - 1;
    size_t position = hash_of<F>(address) & mask;
    while (slots[position].count != 0 &&
           std::memcmp(slots[position].address.data(), address, Slot<F>::kBytes) != 0) {
      position = (position + 1) & mask;
    }
    return slots[position];
  }

  template <Family F>
  const Slots<F>& slots() const noexcept {
    if constexpr (F == Family::kIpv4) {
      return slots_v4_;
    } else {
      return slots_v6_;
    }
  }

  template <Family F>
  Slots<F> make_slots() const;

  Slots<Family::kIpv4> slots_v4_ = Slots<Family::kIpv4>(1);
  Slots<Family::kIpv6> slots_v6_ = Slots<Family::kIpv6>(1);
  std::vector<Port> ports_;  // of endpoints_, one to one
  std::vector<ServiceEndpoint> endpoints_;
};

}  // namespace sluice::dataplane

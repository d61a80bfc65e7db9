// SPDX-License-Identifier: Apache-2.0
//
// Which service a packet's destination belongs to.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
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

// Immutable after construction: a hash table of whole endpoints. The hash is not keyed, because
// only operators put endpoints in; a packet can but miss.
class ServiceLookup {
 public:
  ServiceLookup() = default;  // finds nothing
  // Of two equal (address, protocol, port) the one with the lower service counts.  Alloc: yes.
  static ServiceLookup build(std::span<const ServiceEndpoint> endpoints);

  // The service of the flow's destination: its exact port before any port; none when there is none.
  // Alloc: none.  Cost: 1 line when the port is exact, else 2.
  template <Family F>
  ServiceIndex find(const FlowKey<F>& key) const noexcept {
    const ServiceIndex exact = slots<F>().find(Destination<F>::exact(key));
    if (!exact.is_none()) [[likely]]
      return exact;
    return slots<F>().find(Destination<F>::any_port(key));
  }

  // Whether the address (4 or 16 bytes, network order) belongs to any service, whatever the port.
  // Cost: a binary search.
  template <Family F>
  bool has_address(const uint8_t* address) const noexcept;

  std::span<const ServiceEndpoint> endpoints() const noexcept { return endpoints_; }  // sorted

 private:
  // Address, port and protocol in words as a flow key has them.
  template <Family F>
  struct Destination {
    static constexpr size_t kWords = F == Family::kIpv4 ? 1 : 3;
    std::array<uint64_t, kWords> words;

    static Destination exact(const FlowKey<F>& key) noexcept {
      return make(key, (key.words[FlowKey<F>::kWords - 1] >> 16));
    }
    static Destination any_port(const FlowKey<F>& key) noexcept {
      return make(key, (key.words[FlowKey<F>::kWords - 1] >> 32 << 16));
    }
    size_t hash() const noexcept {
      constexpr uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
      uint64_t mixed = words[0] * kOdd;
      for (size_t i = 1; i < kWords; ++i)
        mixed = (mixed ^ mixed >> 29 ^ words[i]) * kOdd;
      return static_cast<size_t>(mixed ^ mixed >> 32);
    }
    // Without branches.
    bool operator==(const Destination& other) const noexcept {
      uint64_t different = 0;
      for (size_t i = 0; i < kWords; ++i)
        different |= words[i] ^ other.words[i];
      return different == 0;
    }

   private:
    // Shape: `port` is port | protocol << 16, the port as it lies in a packet.
    static Destination make(const FlowKey<F>& key, uint64_t port) noexcept {
      constexpr uint64_t kUpperHalf = 0xffff'ffff'0000'0000;
      if constexpr (F == Family::kIpv4) {
        return {{(key.words[0] & kUpperHalf) | port}};
      } else {
        return {{key.words[2], key.words[3], port}};
      }
    }
  };

  template <Family F>
  class Slots {
   public:
    ServiceIndex find(const Destination<F>& wanted) const noexcept {
      size_t position = wanted.hash() & mask_;
      while (!slots_[position].service.is_none() && slots_[position].destination != wanted)
        position = (position + 1) & mask_;
      return slots_[position].service;
    }
    // Shape: not more than half of `size`, a power of two, is put in; nothing twice.
    void resize(size_t size);
    void insert(const Destination<F>& destination, ServiceIndex service) noexcept;

   private:
    struct Slot {
      Destination<F> destination{};
      ServiceIndex service;  // none: empty
    };
    std::vector<Slot> slots_ = std::vector<Slot>(1);
    size_t mask_ = 0;  // slots less one
  };

  template <Family F>
  const Slots<F>& slots() const noexcept {
    if constexpr (F == Family::kIpv4) {
      return slots_v4_;
    } else {
      return slots_v6_;
    }
  }

  template <Family F>
  void fill(Slots<F>& slots) const;

  Slots<Family::kIpv4> slots_v4_;
  Slots<Family::kIpv6> slots_v6_;
  std::vector<ServiceEndpoint> endpoints_;
};

}  // namespace sluice::dataplane

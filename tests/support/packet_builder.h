// SPDX-License-Identifier: Apache-2.0
//
// Makes frames for tests, layer by layer, with lengths and checksums filled in.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

using Bytes = std::vector<uint8_t>;
using Mac = std::array<uint8_t, 6>;

// Call `ipv4` or `ipv6` before what belongs to them, and `tcp` or `udp` before what belongs to
// those.
class PacketBuilder {
 public:
  PacketBuilder& ethernet(const Mac& source, const Mac& destination);
  PacketBuilder& ether_type(uint16_t type);  // instead of the one that the packet has
  PacketBuilder& vlan(uint16_t tag);

  PacketBuilder& ipv4(std::string_view source, std::string_view destination);
  PacketBuilder& ipv6(std::string_view source, std::string_view destination);
  PacketBuilder& ttl(uint8_t ttl);  // or hop limit; 64 unless set
  PacketBuilder& tos(uint8_t tos);  // or traffic class
  PacketBuilder& protocol(uint8_t protocol);
  PacketBuilder& fragment(uint16_t flags_and_offset);         // IPv4
  PacketBuilder& option_words(uint8_t count);                 // IPv4, of no-operation options
  PacketBuilder& extension(uint8_t type, const Bytes& body);  // IPv6; without the next-header byte

  PacketBuilder& tcp(uint16_t source_port, uint16_t destination_port, uint8_t flags);
  PacketBuilder& sequence(uint32_t sequence, uint32_t acknowledgment);
  PacketBuilder& window(uint16_t window);  // 65535 unless set
  PacketBuilder& udp(uint16_t source_port, uint16_t destination_port);
  PacketBuilder& no_checksum();  // UDP
  // The header in front of the payload, which an ICMP error carries.
  PacketBuilder& icmp_error(uint8_t type, uint8_t code);
  PacketBuilder& payload(const Bytes& bytes);
  PacketBuilder& payload_bytes(size_t count);  // of a fixed pattern

  Bytes packet() const;  // from the IP header on
  Bytes frame() const;

 private:
  struct Extension {
    uint8_t type;
    Bytes body;
  };
  enum class Layer4 : uint8_t { kNone, kTcp, kUdp, kIcmpError };

  uint64_t pseudo_header(size_t size) const;
  uint8_t layer4_protocol() const;
  Bytes segment() const;
  Bytes ipv4_packet(const Bytes& body) const;
  Bytes ipv6_packet(const Bytes& body) const;

  Mac source_mac_{0x02, 0, 0, 0, 0xc1, 0x01};
  Mac destination_mac_{0x02, 0, 0, 0, 0xed, 0x01};
  uint16_t ether_type_ = 0;
  uint16_t vlan_ = 0;
  IpAddress source_;
  IpAddress destination_;
  uint8_t ttl_ = 64;
  uint8_t tos_ = 0;
  uint8_t protocol_ = 0;
  uint16_t fragment_ = 0x4000;
  uint8_t option_words_ = 0;
  std::vector<Extension> extensions_;
  Layer4 layer4_ = Layer4::kNone;
  uint16_t source_port_ = 0;
  uint16_t destination_port_ = 0;
  uint8_t flags_ = 0;
  uint32_t sequence_ = 1000;
  uint32_t acknowledgment_ = 0;
  uint16_t window_ = 65535;
  bool udp_checksum_ = true;
  uint8_t icmp_type_ = 0;
  uint8_t icmp_code_ = 0;
  Bytes payload_;
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Frames for tests. Checksums are computed here by a plain loop, apart from the code under test.
#include "tests/support/packet_builder.h"

#include <cstdlib>

namespace sluice::dataplane {

namespace {

IpAddress must_parse(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) std::abort();
  return *address;
}

void put8(Bytes& bytes, unsigned value) {
  bytes.push_back(static_cast<uint8_t>(value));
}
void put16(Bytes& bytes, unsigned value) {
  put8(bytes, value >> 8);
  put8(bytes, value & 0xff);
}
void put32(Bytes& bytes, uint32_t value) {
  put16(bytes, value >> 16);
  put16(bytes, value & 0xffff);
}
void put(Bytes& bytes, const auto& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}
void set16(Bytes& bytes, size_t at, unsigned value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

uint64_t sum_of(const auto& bytes, uint64_t sum) {
  for (size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
  return sum;
}
uint16_t finish(uint64_t sum) {
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

PacketBuilder& PacketBuilder::ethernet(const Mac& source, const Mac& destination) {
  source_mac_ = source;
  destination_mac_ = destination;
  return *this;
}
PacketBuilder& PacketBuilder::ether_type(uint16_t type) {
  ether_type_ = type;
  return *this;
}
PacketBuilder& PacketBuilder::vlan(uint16_t tag) {
  vlan_ = tag;
  return *this;
}
PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination) {
  source_ = must_parse(source);
  destination_ = must_parse(destination);
  return *this;
}
PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination) {
  return ipv4(source, destination);
}
PacketBuilder& PacketBuilder::ttl(uint8_t ttl) {
  ttl_ = ttl;
  return *this;
}
PacketBuilder& PacketBuilder::tos(uint8_t tos) {
  tos_ = tos;
  return *this;
}
PacketBuilder& PacketBuilder::protocol(uint8_t protocol) {
  protocol_ = protocol;
  return *this;
}
PacketBuilder& PacketBuilder::fragment(uint16_t flags_and_offset) {
  fragment_ = flags_and_offset;
  return *this;
}
PacketBuilder& PacketBuilder::option_words(uint8_t count) {
  option_words_ = count;
  return *this;
}
PacketBuilder& PacketBuilder::extension(uint8_t type, const Bytes& body) {
  extensions_.push_back({type, body});
  return *this;
}
PacketBuilder& PacketBuilder::tcp(uint16_t source_port, uint16_t destination_port, uint8_t flags) {
  layer4_ = Layer4::kTcp;
  source_port_ = source_port;
  destination_port_ = destination_port;
  flags_ = flags;
  return *this;
}
PacketBuilder& PacketBuilder::sequence(uint32_t sequence, uint32_t acknowledgment) {
  sequence_ = sequence;
  acknowledgment_ = acknowledgment;
  return *this;
}
PacketBuilder& PacketBuilder::window(uint16_t window) {
  window_ = window;
  return *this;
}
PacketBuilder& PacketBuilder::udp(uint16_t source_port, uint16_t destination_port) {
  layer4_ = Layer4::kUdp;
  source_port_ = source_port;
  destination_port_ = destination_port;
  return *this;
}
PacketBuilder& PacketBuilder::no_checksum() {
  udp_checksum_ = false;
  return *this;
}
PacketBuilder& PacketBuilder::icmp_error(uint8_t type, uint8_t code) {
  layer4_ = Layer4::kIcmpError;
  icmp_type_ = type;
  icmp_code_ = code;
  return *this;
}
PacketBuilder& PacketBuilder::payload(const Bytes& bytes) {
  payload_ = bytes;
  return *this;
}
PacketBuilder& PacketBuilder::payload_bytes(size_t count) {
  payload_.resize(count);
  for (size_t i = 0; i < count; ++i)
    payload_[i] = static_cast<uint8_t>(i * 7 + 1);
  return *this;
}

uint8_t PacketBuilder::layer4_protocol() const {
  constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;
  switch (layer4_) {
    case Layer4::kTcp:
      return kTcp;
    case Layer4::kUdp:
      return kUdp;
    case Layer4::kIcmpError:
      return source_.is_ipv4() ? kIcmp : kIcmpv6;
    case Layer4::kNone:
      break;
  }
  return protocol_;
}

uint64_t PacketBuilder::pseudo_header(size_t size) const {
  return sum_of(source_.bytes(), sum_of(destination_.bytes(), 0)) + layer4_protocol() + size;
}

Bytes PacketBuilder::segment() const {
  Bytes bytes;
  if (layer4_ == Layer4::kNone) return payload_;
  size_t checksum_at = 16;
  if (layer4_ == Layer4::kIcmpError) {
    checksum_at = 2;
    put8(bytes, icmp_type_);
    put8(bytes, icmp_code_);
    put16(bytes, 0);
    put32(bytes, 0);
  } else {
    put16(bytes, source_port_);
    put16(bytes, destination_port_);
  }
  if (layer4_ == Layer4::kTcp) {
    put32(bytes, sequence_);
    put32(bytes, acknowledgment_);
    put8(bytes, 0x50);
    put8(bytes, flags_);
    put16(bytes, window_);
    put32(bytes, 0);
  } else if (layer4_ == Layer4::kUdp) {
    checksum_at = 6;
    put16(bytes, static_cast<unsigned>(8 + payload_.size()));
    put16(bytes, 0);
  }
  put(bytes, payload_);
  if (layer4_ == Layer4::kUdp && !udp_checksum_) return bytes;
  const bool has_pseudo_header = layer4_ != Layer4::kIcmpError || !source_.is_ipv4();
  set16(bytes, checksum_at,
        finish(sum_of(bytes, has_pseudo_header ? pseudo_header(bytes.size()) : 0)));
  return bytes;
}

Bytes PacketBuilder::ipv4_packet(const Bytes& body) const {
  constexpr size_t kChecksumAt = 10;
  Bytes bytes;
  const size_t header_bytes = 20 + size_t{option_words_} * 4;
  put8(bytes, 0x45u + option_words_);
  put8(bytes, tos_);
  put16(bytes, static_cast<unsigned>(header_bytes + body.size()));
  put16(bytes, 0);
  put16(bytes, fragment_);
  put8(bytes, ttl_);
  put8(bytes, layer4_protocol());
  put16(bytes, 0);
  put(bytes, source_.bytes());
  put(bytes, destination_.bytes());
  bytes.resize(header_bytes, 1);
  set16(bytes, kChecksumAt, finish(sum_of(bytes, 0)));
  put(bytes, body);
  return bytes;
}

Bytes PacketBuilder::ipv6_packet(const Bytes& body) const {
  Bytes chain;
  for (size_t i = 0; i < extensions_.size(); ++i) {
    const bool is_last = i + 1 == extensions_.size();
    put8(chain, is_last ? layer4_protocol() : extensions_[i + 1].type);
    put(chain, extensions_[i].body);
  }
  Bytes bytes;
  put32(bytes, 6u << 28 | uint32_t{tos_} << 20);
  put16(bytes, static_cast<unsigned>(chain.size() + body.size()));
  put8(bytes, extensions_.empty() ? layer4_protocol() : extensions_.front().type);
  put8(bytes, ttl_);
  put(bytes, source_.bytes());
  put(bytes, destination_.bytes());
  put(bytes, chain);
  put(bytes, body);
  return bytes;
}

Bytes PacketBuilder::packet() const {
  return source_.is_ipv4() ? ipv4_packet(segment()) : ipv6_packet(segment());
}

Bytes PacketBuilder::frame() const {
  constexpr unsigned kVlan = 0x8100, kIpv4 = 0x0800, kIpv6 = 0x86dd;
  Bytes bytes;
  put(bytes, destination_mac_);
  put(bytes, source_mac_);
  if (vlan_ != 0) {
    put16(bytes, kVlan);
    put16(bytes, vlan_);
  }
  const unsigned type = source_.is_ipv4() ? kIpv4 : kIpv6;
  put16(bytes, ether_type_ != 0 ? ether_type_ : type);
  put(bytes, packet());
  return bytes;
}

}  // namespace sluice::dataplane

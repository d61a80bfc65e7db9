// SPDX-License-Identifier: Apache-2.0
//
// Destinations find their service: exact ports first, then any port.
#include "dataplane/table/service_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sluice::dataplane {
namespace {

ServiceEndpoint endpoint(const char* address, uint8_t protocol, uint16_t port, uint32_t service) {
  return {*IpAddress::parse(address), protocol, port, ServiceIndex{service}};
}

ServiceIndex find(const ServiceLookup& lookup, const IpAddress& address, uint8_t protocol,
                  uint16_t port) {
  const std::array<uint8_t, 16> source{};
  const uint8_t* destination = address.bytes().data();
  const Be16 to = Be16::from_host(port);
  if (address.is_ipv4()) {
    return lookup.find(FlowKey<Family::kIpv4>::make(source.data(), destination, {}, to, protocol));
  }
  return lookup.find(FlowKey<Family::kIpv6>::make(source.data(), destination, {}, to, protocol));
}

ServiceIndex find(const ServiceLookup& lookup, const char* address, uint8_t protocol,
                  uint16_t port) {
  return find(lookup, *IpAddress::parse(address), protocol, port);
}

TEST(ServiceLookup, FindsNothingWhenEmpty) {
  const ServiceLookup lookup;
  EXPECT_TRUE(find(lookup, "10.0.0.1", kProtocolTcp, 80).is_none());
  EXPECT_TRUE(find(lookup, "::1", kProtocolTcp, 80).is_none());
}

TEST(ServiceLookup, PrefersTheExactPortToAnyPort) {
  const std::vector<ServiceEndpoint> endpoints{
      endpoint("203.0.113.10", kProtocolTcp, 0, 1), endpoint("203.0.113.10", kProtocolTcp, 80, 2),
      endpoint("203.0.113.10", kProtocolTcp, 443, 3), endpoint("2001:db8::1", kProtocolUdp, 53, 4)};
  const ServiceLookup lookup = ServiceLookup::build(endpoints);

  EXPECT_EQ(find(lookup, "203.0.113.10", kProtocolTcp, 80).value, 2u);
  EXPECT_EQ(find(lookup, "203.0.113.10", kProtocolTcp, 443).value, 3u);
  EXPECT_EQ(find(lookup, "203.0.113.10", kProtocolTcp, 1).value, 1u);
  EXPECT_EQ(find(lookup, "203.0.113.10", kProtocolTcp, 65535).value, 1u);
  EXPECT_TRUE(find(lookup, "203.0.113.10", kProtocolUdp, 80).is_none());
  EXPECT_EQ(find(lookup, "2001:db8::1", kProtocolUdp, 53).value, 4u);
  EXPECT_TRUE(find(lookup, "2001:db8::1", kProtocolUdp, 54).is_none());
}

TEST(ServiceLookup, KnowsAddressesWhateverThePort) {
  const std::vector<ServiceEndpoint> endpoints{endpoint("203.0.113.10", kProtocolTcp, 80, 0)};
  const ServiceLookup lookup = ServiceLookup::build(endpoints);

  EXPECT_TRUE(lookup.has_address<Family::kIpv4>(IpAddress::parse("203.0.113.10")->bytes().data()));
  EXPECT_FALSE(lookup.has_address<Family::kIpv4>(IpAddress::parse("203.0.113.11")->bytes().data()));
}

TEST(ServiceLookup, EqualsAMapOverManyServices) {
  std::mt19937_64 random(6);
  std::vector<ServiceEndpoint> endpoints;
  std::map<std::tuple<IpAddress, uint8_t, uint16_t>, ServiceIndex> expected;
  const auto draw = [&](uint32_t service) {
    std::array<uint8_t, 16> bytes{0x20, 0x01};
    bytes[15] = static_cast<uint8_t>(random() % 200);
    bytes[3] = static_cast<uint8_t>(random() % 20);
    const std::span<const uint8_t> all(bytes);
    return ServiceEndpoint{*IpAddress::from_bytes(random() % 2 == 0 ? all : all.first(4)),
                           kProtocolTcp, static_cast<uint16_t>(1 + random() % 5),
                           ServiceIndex{service}};
  };
  for (uint32_t i = 0; i < 3000; ++i) {
    const ServiceEndpoint drawn = draw(i);
    if (expected.emplace(std::tuple(drawn.address, drawn.protocol, drawn.port), drawn.service)
            .second) {
      endpoints.push_back(drawn);
    }
  }
  const ServiceLookup lookup = ServiceLookup::build(endpoints);
  for (int i = 0; i < 20000; ++i) {
    const ServiceEndpoint drawn = draw(0);
    const auto wanted = expected.find({drawn.address, drawn.protocol, drawn.port});
    const ServiceIndex found = find(lookup, drawn.address, drawn.protocol, drawn.port);
    ASSERT_EQ(found, wanted == expected.end() ? ServiceIndex{} : wanted->second);
  }
}

}  // namespace
}  // namespace sluice::dataplane

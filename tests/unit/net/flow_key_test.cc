// SPDX-License-Identifier: Apache-2.0
//
// Flow keys keep every part of the 5-tuple.
#include "dataplane/net/flow_key.h"

#include <gtest/gtest.h>

namespace sluice::dataplane {
namespace {

template <Family F>
FlowKey<F> key_of(std::string_view source, std::string_view destination, uint16_t source_port,
                  uint16_t destination_port, uint8_t protocol) {
  return FlowKey<F>::make(
      IpAddress::parse(source)->bytes().data(), IpAddress::parse(destination)->bytes().data(),
      Be16::from_host(source_port), Be16::from_host(destination_port), protocol);
}

TEST(FlowKey, KeepsEveryPartOfAnIpv4Tuple) {
  const auto key = key_of<Family::kIpv4>("198.51.100.7", "203.0.113.10", 40001, 80, kProtocolTcp);

  EXPECT_EQ(key.source_address().to_string(), "198.51.100.7");
  EXPECT_EQ(key.destination_address().to_string(), "203.0.113.10");
  EXPECT_EQ(key.source_port().host(), 40001);
  EXPECT_EQ(key.destination_port().host(), 80);
  EXPECT_EQ(key.protocol(), kProtocolTcp);
}

TEST(FlowKey, KeepsEveryPartOfAnIpv6Tuple) {
  const auto key = key_of<Family::kIpv6>("2001:db8:e::7", "2001:db8:f::10", 1, 65535, kProtocolUdp);

  EXPECT_EQ(key.source_address().to_string(), "2001:db8:e::7");
  EXPECT_EQ(key.destination_address().to_string(), "2001:db8:f::10");
  EXPECT_EQ(key.source_port().host(), 1);
  EXPECT_EQ(key.destination_port().host(), 65535);
  EXPECT_EQ(key.protocol(), kProtocolUdp);
}

TEST(FlowKey, DiffersWhenAnyPartDiffers) {
  const auto key = key_of<Family::kIpv4>("10.0.0.1", "10.0.0.2", 1, 2, kProtocolTcp);

  EXPECT_EQ(key, key_of<Family::kIpv4>("10.0.0.1", "10.0.0.2", 1, 2, kProtocolTcp));
  EXPECT_NE(key, key_of<Family::kIpv4>("10.0.0.3", "10.0.0.2", 1, 2, kProtocolTcp));
  EXPECT_NE(key, key_of<Family::kIpv4>("10.0.0.1", "10.0.0.3", 1, 2, kProtocolTcp));
  EXPECT_NE(key, key_of<Family::kIpv4>("10.0.0.1", "10.0.0.2", 3, 2, kProtocolTcp));
  EXPECT_NE(key, key_of<Family::kIpv4>("10.0.0.1", "10.0.0.2", 1, 3, kProtocolTcp));
  EXPECT_NE(key, key_of<Family::kIpv4>("10.0.0.1", "10.0.0.2", 1, 2, kProtocolUdp));
}

}  // namespace
}  // namespace sluice::dataplane

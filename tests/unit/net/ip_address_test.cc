// SPDX-License-Identifier: Apache-2.0
//
// Addresses and prefixes are read strictly and written canonically.
#include "dataplane/net/ip_address.h"

#include <gtest/gtest.h>

namespace sluice::dataplane {
namespace {

TEST(IpAddress, ReadsAndWritesCanonicalText) {
  const std::pair<const char*, const char*> cases[] = {
      {"10.0.0.1", "10.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"::", "::"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), canonical);
  }
}

TEST(IpAddress, RefusesWhatIsNotExactlyOneAddress) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view text :
       {""sv, "10.0.0"sv, "10.0.0.256"sv, "010.0.0.1"sv, " 10.0.0.1"sv, "10.0.0.1 "sv,
        "10.0.0.1\0"sv, "10.0.0.1/32"sv, "2001:db8::1%eth0"sv, "2001:db8::1::2"sv, "1:2:3"sv,
        "[::1]"sv, "0x0a000001"sv, "localhost"sv}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, GoesThroughBytesUnchanged) {
  for (const char* text : {"203.0.113.10", "2001:db8:f::10"}) {
    const IpAddress address = *IpAddress::parse(text);
    EXPECT_EQ(IpAddress::from_bytes(address.to_bytes()), address);
  }
  EXPECT_FALSE(IpAddress::from_bytes(std::string_view("abc")));
  EXPECT_FALSE(IpAddress::from_bytes(std::string_view("")));
}

TEST(IpAddress, TellsFamiliesApart) {
  EXPECT_NE(*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::"));
  EXPECT_EQ(IpAddress::parse("0.0.0.0")->bytes().size(), 4u);
  EXPECT_EQ(IpAddress::parse("::")->bytes().size(), 16u);
}

TEST(IpPrefix, ReadsAndWritesCanonicalText) {
  const std::pair<const char*, const char*> cases[] = {
      {"198.51.100.0/24", "198.51.100.0/24"},
      {"198.51.100.7", "198.51.100.7/32"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"2001:db8:e::/48", "2001:db8:e::/48"},
      {"2001:db8::1", "2001:db8::1/128"},
      {"::/0", "::/0"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto prefix = IpPrefix::parse(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(prefix->to_string(), canonical);
  }
}

TEST(IpPrefix, RefusesHostBitsAndBadLengths) {
  for (const char* text :
       {"198.51.100.1/24", "198.51.100.0/33", "198.51.100.0/", "198.51.100.0/+24",
        "198.51.100.0/024", "198.51.100.0/24/24", "198.51.100.0/ 24", "/24", "2001:db8::/129",
        "2001:db8::1/64", "198.51.100.0/256", "10.0.0.0/-1"}) {
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
  }
}

TEST(IpPrefix, ContainsItsAddressesAndLongerPrefixes) {
  const IpPrefix prefix = *IpPrefix::parse("198.51.96.0/19");

  EXPECT_TRUE(prefix.contains(*IpAddress::parse("198.51.127.255")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("198.51.128.0")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("::")));
  EXPECT_TRUE(prefix.contains(*IpPrefix::parse("198.51.100.0/24")));
  EXPECT_TRUE(prefix.contains(prefix));
  EXPECT_FALSE(prefix.contains(*IpPrefix::parse("198.51.0.0/16")));
}

TEST(IpPrefix, AroundAnAddressHoldsIt) {
  const IpAddress address = *IpAddress::parse("2001:db8:e:ffff:ffff::1");
  for (int length = 0; length <= 128; ++length) {
    const IpPrefix prefix = IpPrefix::around(address, static_cast<uint8_t>(length));
    EXPECT_TRUE(prefix.contains(address));
    EXPECT_EQ(prefix.length(), length);
  }
  EXPECT_EQ(IpPrefix::around(address, 49).to_string(), "2001:db8:e:8000::/49");
}

}  // namespace
}  // namespace sluice::dataplane

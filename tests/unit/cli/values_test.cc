// SPDX-License-Identifier: Apache-2.0
//
// Option values: what is read, and what is refused with a remedy.
#include "controlplane/cli/values.h"

#include <gtest/gtest.h>

namespace sluice::controlplane::cli {
namespace {

TEST(Endpoint, IsReadInBothFamilies) {
  const auto ipv4 = parse_endpoint("198.51.100.7:40000");
  const auto ipv6 = parse_endpoint("[2001:db8::1]:80");

  ASSERT_TRUE(ipv4.ok() && ipv6.ok());
  EXPECT_EQ(ipv4->address.to_string(), "198.51.100.7");
  EXPECT_EQ(ipv4->port, 40000u);
  EXPECT_EQ(ipv6->address.to_string(), "2001:db8::1");
  EXPECT_EQ(ipv6->port, 80u);
}

TEST(Endpoint, IsRefusedInEveryOtherForm) {
  for (const char* text :
       {"", "198.51.100.7", "198.51.100.7:", ":80", "198.51.100.7:65536", "198.51.100.7:-1",
        "198.51.100.7: 80", "2001:db8::1:80", "[198.51.100.7]:80", "[2001:db8::1]",
        "[2001:db8::1]80", "[]:80", "host:80", "1.2.3:80"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint.ok()) << text;
    EXPECT_NE(endpoint.status().message().find("write ADDRESS:PORT"), absl::string_view::npos);
  }
}

TEST(Protocol, IsTcpOrUdpInAnyCase) {
  EXPECT_EQ(parse_protocol("tcp").value(), 6u);
  EXPECT_EQ(parse_protocol("UDP").value(), 17u);
  EXPECT_FALSE(parse_protocol("sctp").ok());
  EXPECT_FALSE(parse_protocol("6").ok());
}

TEST(Duration, AddsItsUnits) {
  EXPECT_EQ(parse_duration("500ms").value(), absl::Milliseconds(500));
  EXPECT_EQ(parse_duration("10m").value(), absl::Minutes(10));
  EXPECT_EQ(parse_duration("1d2h3m4s").value(),
            absl::Hours(26) + absl::Minutes(3) + absl::Seconds(4));
  EXPECT_EQ(parse_duration("7d").value(), absl::Hours(168));
  EXPECT_EQ(parse_duration("0s").value(), absl::ZeroDuration());
}

TEST(Duration, IsRefusedWithoutUnitOrBelowZero) {
  for (const char* text : {"", "10", "-5s", "soon", "d", "1d2", "99999d", "inf"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
}

TEST(Time, IsAbsoluteOrBeforeNow) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);

  EXPECT_EQ(parse_time("10m", now).value(), now - absl::Minutes(10));
  EXPECT_EQ(parse_time("2027-01-15T08:00:00Z", now).value(), now);
  EXPECT_EQ(parse_time("2027-01-15T09:00:00+01:00", now).value(), now);
  EXPECT_FALSE(parse_time("yesterday", now).ok());
  EXPECT_FALSE(parse_time("2027-01-15", now).ok());
}

}  // namespace
}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Byte-order types hold what lies in the packet.
#include "dataplane/net/byte_order.h"

#include <gtest/gtest.h>

#include <cstring>

namespace sluice::dataplane {
namespace {

TEST(BigEndian, HoldsTheBytesOfThePacket) {
  const Be16 port = Be16::from_host(0x1234);
  const Be32 address = Be32::from_host(0x0a00'0001);

  EXPECT_EQ(std::memcmp(&port, "\x12\x34", 2), 0);
  EXPECT_EQ(std::memcmp(&address, "\x0a\x00\x00\x01", 4), 0);
}

TEST(BigEndian, GivesBackTheHostNumber) {
  EXPECT_EQ(Be16::from_host(65535).host(), 65535);
  EXPECT_EQ(Be32::from_host(0xdeadbeef).host(), 0xdeadbeef);
}

}  // namespace
}  // namespace sluice::dataplane

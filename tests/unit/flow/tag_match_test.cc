// SPDX-License-Identifier: Apache-2.0
//
// The vector compare of tags finds what the portable one finds.
#include "dataplane/flow/tag_match.h"

#include <gtest/gtest.h>

#include <random>

namespace sluice::dataplane {
namespace {

TEST(TagMatch, EqualsThePortableCompare) {
  std::mt19937 random(1);
  for (int i = 0; i < 100'000; ++i) {
    alignas(16) BucketTags tags;
    for (uint16_t& tag : tags)
      tag = static_cast<uint16_t>(random() % 4 * 0x5555);  // many equal ones, the sign bit too
    const auto wanted = static_cast<uint16_t>(random() % 4 * 0x5555);
    ASSERT_EQ(match_tags(tags, wanted), match_tags_portable(tags, wanted));
  }
}

TEST(TagMatch, HasABitPerWay) {
  alignas(16) constexpr BucketTags kTags{7, 0, 7, 1, 2, 3, 0xffff, 7};
  EXPECT_EQ(match_tags(kTags, 7), 0b1000'0101u);
  EXPECT_EQ(match_tags(kTags, 0xffff), 0b0100'0000u);
  EXPECT_EQ(match_tags(kTags, 9), 0u);
}

}  // namespace
}  // namespace sluice::dataplane

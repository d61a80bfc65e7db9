// SPDX-License-Identifier: Apache-2.0
//
// Which of a bucket's tags are equal to one that is looked for.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <cstdint>

namespace sluice::dataplane {

using BucketTags = std::array<uint16_t, 8>;

// A bit per way.
constexpr uint32_t match_tags_portable(const BucketTags& tags, uint16_t tag) noexcept {
  uint32_t equal = 0;
  for (uint32_t way = 0; way < tags.size(); ++way)
    equal |= static_cast<uint32_t>(tags[way] == tag) << way;
  return equal;
}

// The same by one vector compare, where the baseline has vectors.  Shape: `tags` is aligned to 16.
inline uint32_t match_tags(const BucketTags& tags, uint16_t tag) noexcept {
#ifdef __SSE2__
  const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(tags.data()));
  const __m128i equal = _mm_cmpeq_epi16(all, _mm_set1_epi16(static_cast<int16_t>(tag)));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
#else
  return match_tags_portable(tags, tag);
#endif
}

}  // namespace sluice::dataplane

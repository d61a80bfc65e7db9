// SPDX-License-Identifier: Apache-2.0
//
// The keyed hash of flow tables and steering: SipHash-1-3 over 64-bit words, bit-identical on every
// host. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the -1-3 variant
// as in Rust and Linux.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::dataplane {

// 128 secret bits. The flow table's is random per process; the steering key belongs to the
// generation.
struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
  friend constexpr bool operator==(const HashKey&, const HashKey&) = default;

  // Shape: 16 bytes, little endian halves.
  static HashKey from_bytes(std::span<const uint8_t, 16> bytes) noexcept;
};

namespace detail {
// Word is uint64_t, or a vector of them: one hash per lane.
template <class Word>
struct SipState {
  Word v0, v1, v2, v3;

  [[gnu::always_inline]] explicit constexpr SipState(const HashKey& key) noexcept
      : v0((key.low ^ 0x736f6d6570736575) - Word{}),
        v1((key.high ^ 0x646f72616e646f6d) - Word{}),
        v2((key.low ^ 0x6c7967656e657261) - Word{}),
        v3((key.high ^ 0x7465646279746573) - Word{}) {}

  [[gnu::always_inline]] static constexpr void rotate(Word& x, int n) noexcept {
    x = x << n | x >> (64 - n);
  }
  [[gnu::always_inline]] constexpr void round() noexcept {
    v0 += v1, rotate(v1, 13), v1 ^= v0, rotate(v0, 32);
    v2 += v3, rotate(v3, 16), v3 ^= v2;
    v0 += v3, rotate(v3, 21), v3 ^= v0;
    v2 += v1, rotate(v1, 17), v1 ^= v2, rotate(v2, 32);
  }
  [[gnu::always_inline]] constexpr void absorb(const Word& word) noexcept {
    v3 ^= word;
    round();
    v0 ^= word;
  }
  // The hash is left in v0.
  [[gnu::always_inline]] constexpr void finish() noexcept {
    v2 ^= 0xff;
    round();
    round();
    round();
    v0 ^= v1 ^ v2 ^ v3;
  }
};

// What follows the words: how many bytes they are.
constexpr uint64_t length_word(size_t bytes) noexcept {
  return uint64_t{bytes & 0xff} << 56;
}
}  // namespace detail

// Cost: one round per word and four more; no branches. Equals SipHash-1-3 of the words'
// little-endian bytes.
template <size_t Words>
constexpr uint64_t keyed_hash(const HashKey& key,
                              const std::array<uint64_t, Words>& words) noexcept {
  detail::SipState<uint64_t> state(key);
  for (const uint64_t word : words)
    state.absorb(word);
  state.absorb(detail::length_word(Words * 8));
  state.finish();
  return state.v0;
}

// Another hash from one that is secret already: for each salt as good as independent of the others,
// for the price of two multiplications. Source: the finalizer of SplitMix64 (Steele, Lea and Flood,
// "Fast splittable pseudorandom number generators", 2014).
constexpr uint64_t rehash(uint64_t hash, uint64_t salt) noexcept {
  uint64_t mixed = hash ^ salt;
  mixed = (mixed ^ mixed >> 30) * 0xbf58'476d'1ce4'e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d0'49bb'1331'11eb;
  return mixed ^ mixed >> 31;
}

// The same hash of any bytes, for names and seeds.
uint64_t keyed_hash(const HashKey& key, std::string_view bytes) noexcept;

}  // namespace sluice::dataplane

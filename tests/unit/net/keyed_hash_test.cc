// SPDX-License-Identifier: Apache-2.0
//
// The keyed hash is SipHash-1-3, in bytes and in words.
#include "dataplane/net/keyed_hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace sluice::dataplane {
namespace {

struct Reference {
  int rounds_per_word;
  int rounds_at_end;

  // Follows section 2 of the paper literally, one byte string at a time.
  uint64_t operator()(const std::vector<uint8_t>& key, const std::vector<uint8_t>& message) const {
    const uint64_t k0 = word(key, 0);
    const uint64_t k1 = word(key, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    std::vector<uint8_t> padded = message;
    while (padded.size() % 8 != 7)
      padded.push_back(0);
    padded.push_back(static_cast<uint8_t>(message.size()));
    for (size_t i = 0; i < padded.size(); i += 8) {
      v[3] ^= word(padded, i);
      for (int r = 0; r < rounds_per_word; ++r)
        round(v);
      v[0] ^= word(padded, i);
    }
    v[2] ^= 0xff;
    for (int r = 0; r < rounds_at_end; ++r)
      round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
  }

 private:
  static uint64_t word(const std::vector<uint8_t>& bytes, size_t at) {
    uint64_t result = 0;
    for (size_t i = 0; i < 8; ++i)
      result |= uint64_t{bytes[at + i]} << (8 * i);
    return result;
  }
  static void round(uint64_t* v) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = std::rotl(v[1], 13) ^ v[0];
    v[3] = std::rotl(v[3], 16) ^ v[2];
    v[0] = std::rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = std::rotl(v[1], 17) ^ v[2];
    v[3] = std::rotl(v[3], 21) ^ v[0];
    v[2] = std::rotl(v[2], 32);
  }
};

std::vector<uint8_t> counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

HashKey counting_key() {
  const std::vector<uint8_t> bytes = counting(16);
  return HashKey::from_bytes(std::span<const uint8_t, 16>(bytes.data(), 16));
}

std::string text(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(KeyedHashReference, EqualsThePublishedSipHash24Vector) {
  const Reference siphash24{2, 4};  // appendix A of the paper: 15 bytes 00 01 02 … 0e

  EXPECT_EQ(siphash24(counting(16), counting(15)), 0xa129ca6149be45e5u);
}

TEST(KeyedHash, EqualsTheReferenceForEveryLength) {
  const Reference siphash13{1, 3};

  for (size_t size = 0; size < 300; ++size) {
    EXPECT_EQ(keyed_hash(counting_key(), text(counting(size))),
              siphash13(counting(16), counting(size)))
        << size;
  }
}

TEST(KeyedHash, OfWordsEqualsTheHashOfTheirBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const HashKey key{random(), random()};
    const std::array<uint64_t, 5> words{random(), random(), random(), random(), random()};
    const std::string_view bytes(reinterpret_cast<const char*>(words.data()), sizeof(words));
    EXPECT_EQ(keyed_hash(key, words), keyed_hash(key, bytes));
  }
}

TEST(KeyedHash, IsAConstantExpression) {
  constexpr uint64_t hash = keyed_hash(HashKey{1, 2}, std::array<uint64_t, 1>{3});
  static_assert(hash != 0);

  EXPECT_NE(hash, keyed_hash(HashKey{1, 3}, std::array<uint64_t, 1>{3}));
}

// Source: the first outputs of SplitMix64 from state 0, whose increments are the salt here.
TEST(Rehash, IsTheFinalizerOfSplitMix64) {
  constexpr uint64_t kIncrement = 0x9e37'79b9'7f4a'7c15;
  EXPECT_EQ(rehash(0, kIncrement), 0xe220'a839'7b1d'cdafu);
  EXPECT_EQ(rehash(0, 2 * kIncrement), 0x6e78'9e6a'a1b9'65f4u);
  EXPECT_EQ(rehash(kIncrement, 0), rehash(0, kIncrement));
}

// Two routes' buckets of the same clients: all pairs of eighths equally often, by chi squared.
TEST(Rehash, OfTwoSaltsIsIndependent) {
  constexpr int kClients = 64'000;
  const HashKey key{1, 2};
  const uint64_t salts[] = {keyed_hash(key, "route a"), keyed_hash(key, "route b")};
  int counts[8][8] = {};
  for (uint64_t client = 0; client < kClients; ++client) {
    const uint64_t hash = keyed_hash(key, std::array<uint64_t, 1>{client});
    ++counts[rehash(hash, salts[0]) >> 61][rehash(hash, salts[1]) >> 61];
  }
  double chi_squared = 0;
  for (const auto& row : counts) {
    for (const int count : row)
      chi_squared += (count - kClients / 64.0) * (count - kClients / 64.0) / (kClients / 64.0);
  }
  EXPECT_LT(chi_squared, 113) << "63 degrees of freedom: once in ten thousand keys";
}

}  // namespace
}  // namespace sluice::dataplane

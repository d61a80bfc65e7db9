// SPDX-License-Identifier: Apache-2.0
//
// Tells from one line of 64 bytes that a key is not among many.
#include "controlplane/audit/segment/bloom_filter.h"

#include <algorithm>
#include <cstring>

#include "controlplane/audit/segment/crc32c.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kLineBytes = kFilterLineBytes - sizeof(uint32_t);
constexpr uint32_t kLineBits = kLineBytes * 8;
constexpr size_t kBitsPerKey = 12;
constexpr int kHashes = 6;

// Source: the finalizer of MurmurHash3.
uint64_t mix(uint64_t value) {
  value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
  value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33;
}

// The position of each of the key's bits in its line.
template <class Visit>
void for_each_bit(uint64_t key, Visit&& visit) {
  uint64_t hash = mix(key + 1);
  const auto step = static_cast<uint32_t>(hash >> 32) | 1;
  auto position = static_cast<uint32_t>(hash);
  for (int i = 0; i < kHashes; ++i, position += step) {
    const auto bit = static_cast<uint32_t>(uint64_t{position} * kLineBits >> 32);
    visit(bit / 8, static_cast<uint8_t>(1u << bit % 8));
  }
}

}  // namespace

uint64_t filter_key(uint64_t number) {
  return mix(number);
}

uint64_t filter_key(std::string_view bytes) {
  uint64_t key = bytes.size();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), sizeof(uint64_t)))) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
    key = mix(key * 31 + word);
  }
  return mix(key);
}

std::string make_filter(std::span<const uint64_t> keys, size_t distinct) {
  const size_t lines = distinct * kBitsPerKey / kLineBits + 1;
  std::string filter(lines * kFilterLineBytes, '\0');
  for (const uint64_t key : keys) {
    char* line = filter.data() + filter_line(key, lines) * kFilterLineBytes;
    for_each_bit(key, [&](uint32_t byte, uint8_t bit) {
      line[byte] = static_cast<char>(static_cast<uint8_t>(line[byte]) | bit);
    });
  }
  for (size_t i = 0; i < lines; ++i) {
    char* line = filter.data() + i * kFilterLineBytes;
    const uint32_t checksum = crc32c({line, kLineBytes});
    std::memcpy(line + kLineBytes, &checksum, sizeof checksum);
  }
  return filter;
}

uint64_t filter_line(uint64_t key, uint64_t lines) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(key) * lines >> 64);
}

std::optional<bool> line_may_have(std::string_view line, uint64_t key) {
  if (line.size() != kFilterLineBytes) return std::nullopt;
  uint32_t checksum = 0;
  std::memcpy(&checksum, line.data() + kLineBytes, sizeof checksum);
  if (crc32c(line.substr(0, kLineBytes)) != checksum) return std::nullopt;
  bool may_have = true;
  for_each_bit(key, [&](uint32_t byte, uint8_t bit) {
    may_have = may_have && (static_cast<uint8_t>(line[byte]) & bit) != 0;
  });
  return may_have;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Protobuf's variable-length integers in bytes that nobody vouches for.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::controlplane {

inline constexpr size_t kVarintBytesMax = 10;

inline char* write_varint(uint64_t value, char* out) noexcept {
  for (; value >= 0x80; value >>= 7)
    *out++ = static_cast<char>(value | 0x80);
  *out++ = static_cast<char>(value);
  return out;
}

inline void append_varint(uint64_t value, std::string& out) {
  char bytes[kVarintBytesMax];
  out.append(bytes, static_cast<size_t>(write_varint(value, bytes) - bytes));
}

inline constexpr size_t varint_bytes(uint64_t value) noexcept {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Small differences of either sign become small numbers.
inline constexpr uint64_t to_zigzag(uint64_t value) noexcept {
  return (value << 1) ^ (0 - (value >> 63));
}
inline constexpr uint64_t from_zigzag(uint64_t value) noexcept {
  return (value >> 1) ^ (0 - (value & 1));
}

template <class T>
void append_little(T value, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Takes pieces from the front of bytes, and none that reach past their end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

  bool is_empty() const noexcept { return rest_.empty(); }
  std::string_view rest() const noexcept { return rest_; }

  // Nullopt: cut off, or longer than 64 bits.
  std::optional<uint64_t> varint() noexcept {
    uint64_t value = 0;
    for (size_t i = 0; i < rest_.size() && i < kVarintBytesMax; ++i) {
      const auto byte = static_cast<uint8_t>(rest_[i]);
      value |= uint64_t{byte & 0x7fu} << (7 * i);
      if (byte >= 0x80) continue;
      if (i + 1 == kVarintBytesMax && byte > 1) return std::nullopt;
      rest_.remove_prefix(i + 1);
      return value;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> take(uint64_t bytes) noexcept {
    if (bytes > rest_.size()) return std::nullopt;
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  template <class T>
  std::optional<T> little() noexcept {
    const std::optional<std::string_view> bytes = take(sizeof(T));
    if (!bytes) return std::nullopt;
    T value;
    std::memcpy(&value, bytes->data(), sizeof value);
    return value;
  }

 private:
  std::string_view rest_;
};

}  // namespace sluice::controlplane

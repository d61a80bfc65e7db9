// SPDX-License-Identifier: Apache-2.0
//
// One column of one block as bytes.
#include "controlplane/audit/segment/column_codec.h"

#include <zstd.h>

#include <memory>

#include "controlplane/audit/segment/wire.h"

namespace sluice::controlplane {
namespace {

constexpr int kCompressionLevel = 1;

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// A context is large, and a column is small: each thread keeps its own.
ZSTD_CCtx* compression_context() {
  thread_local const std::unique_ptr<ZSTD_CCtx, ContextDeleter> context(ZSTD_createCCtx());
  return context.get();
}

ZSTD_DCtx* decompression_context() {
  thread_local const std::unique_ptr<ZSTD_DCtx, ContextDeleter> context(ZSTD_createDCtx());
  return context.get();
}

// False: not exactly `values.size()` integers.
bool read_varints(std::string_view bytes, std::span<uint64_t> values) {
  if (bytes.size() < values.size()) return false;
  if (bytes.size() == values.size()) {  // nearly every column of names: one byte each
    uint8_t any = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<uint8_t>(bytes[i]);
      any = static_cast<uint8_t>(any | static_cast<uint8_t>(bytes[i]));
    }
    return any < 0x80;
  }
  ByteReader reader(bytes);
  for (uint64_t& value : values) {
    const std::optional<uint64_t> read = reader.varint();
    if (!read) return false;
    value = *read;
  }
  return reader.is_empty();
}

}  // namespace

std::string encode_column(std::span<const uint64_t> values, Packing packing,
                          std::span<const uint64_t> last_times) {
  std::string packed(values.size() * kVarintBytesMax, '\0');
  char* end = packed.data();
  uint64_t before = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    switch (packing) {
      case Packing::kPlain:
        end = write_varint(values[i], end);
        break;
      case Packing::kDifference:
        end = write_varint(to_zigzag(values[i] - before), end);
        before = values[i];
        break;
      case Packing::kBeforeLastTime:
        end = write_varint(to_zigzag(last_times[i] - values[i]), end);
        break;
    }
  }
  return compress({packed.data(), static_cast<size_t>(end - packed.data())});
}

bool decode_column(std::string_view bytes, Packing packing, std::span<const uint64_t> last_times,
                   std::span<uint64_t> values) {
  const std::optional<std::string> packed = decompress(bytes, values.size() * kVarintBytesMax);
  if (!packed || !read_varints(*packed, values)) return false;
  if (packing == Packing::kDifference) {
    uint64_t before = 0;
    for (uint64_t& value : values) {
      before += from_zigzag(value);
      value = before;
    }
  } else if (packing == Packing::kBeforeLastTime) {
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = last_times[i] - from_zigzag(values[i]);
  }
  return true;
}

std::string compress(std::string_view bytes) {
  std::string compressed(ZSTD_compressBound(bytes.size()), '\0');
  // With room for the bound it cannot fail.
  compressed.resize(ZSTD_compressCCtx(compression_context(), compressed.data(), compressed.size(),
                                      bytes.data(), bytes.size(), kCompressionLevel));
  return compressed;
}

std::optional<std::string> decompress(std::string_view bytes, size_t bytes_max) {
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > bytes_max) {
    return std::nullopt;
  }
  std::string decompressed(size, '\0');
  const size_t written = ZSTD_decompressDCtx(decompression_context(), decompressed.data(),
                                             decompressed.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(written) != 0 || written != size) return std::nullopt;
  return decompressed;
}

}  // namespace sluice::controlplane

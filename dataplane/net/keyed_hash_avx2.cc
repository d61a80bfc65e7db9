// SPDX-License-Identifier: Apache-2.0
//
// Four hashes at a time; only this file is compiled for AVX2.
#include "dataplane/net/keyed_hash_lanes.h"

namespace sluice::dataplane::detail {

namespace {

using Lanes [[gnu::vector_size(32)]] = uint64_t;

}  // namespace

void hash_avx2(const HashKey& key, const KeyColumns<2>& keys, size_t count,
               HashColumn& out) noexcept {
  hash_columns<Lanes>(key, keys, count, out);
}

void hash_avx2(const HashKey& key, const KeyColumns<5>& keys, size_t count,
               HashColumn& out) noexcept {
  hash_columns<Lanes>(key, keys, count, out);
}

}  // namespace sluice::dataplane::detail

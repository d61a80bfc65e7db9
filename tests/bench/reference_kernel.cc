// SPDX-License-Identifier: Apache-2.0
//
// The smallest balancer, for this machine's own instruction set.
#include "tests/bench/reference_kernel.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

template <Family F>
ReferenceKernel<F>::ReferenceKernel(uint32_t flows) {
  const size_t buckets = std::bit_ceil(uint64_t{flows} * 2 / kWays + 1);
  auto lines = TouchedArray<Bucket>::create(buckets);
  if (!lines) std::abort();
  buckets_ = std::move(*lines);
  mask_ = static_cast<uint32_t>(buckets - 1);
  for (uint32_t i = 0; i < kBackends; ++i) {
    uint8_t* const ip = backends_[i].header.data() + ethernet::kHeaderBytes;
    store_be16(ip - sizeof(uint16_t), ethernet::kTypeIpv4);
    ip[ipv4::kVersionIhl] = 0x45;
    store_be16(ip + ipv4::kFragment, ipv4::kDontFragment);
    ip[ipv4::kTtl] = 64;
    ip[ipv4::kProtocol] = F == Family::kIpv4 ? kProtocolIpv4 : kProtocolIpv6;
    store_be32(ip + ipv4::kSource, 0x0a4d0102);
    store_be32(ip + ipv4::kDestination, 0x0a4d0200 + i);
    backends_[i].header_sum = static_cast<uint16_t>(~checksum(ip, ipv4::kHeaderBytes));
  }
}

template <Family F>
auto ReferenceKernel<F>::parse(const uint8_t* ip) const noexcept -> Parsed {
  if constexpr (F == Family::kIpv4) {
    constexpr uint32_t kVersion4FiveWords = 0x45;
    const bool is_whole = (load_be16(ip + ipv4::kFragment) & ipv4::kFragmentBits) == 0;
    if (ip[ipv4::kVersionIhl] != kVersion4FiveWords || ip[ipv4::kProtocol] != kProtocolTcp ||
        load_be16(ip - sizeof(uint16_t)) != ethernet::kTypeIpv4 || !is_whole)
      return {};
    const auto addresses = load<uint64_t>(ip + ipv4::kSource);
    const auto ports = load<uint32_t>(ip + ipv4::kHeaderBytes);
    const auto hash = static_cast<uint32_t>(_mm_crc32_u64(_mm_crc32_u64(0, addresses), ports));
    return {addresses, ports, hash & mask_, load_be16(ip + ipv4::kTotalLength)};
  } else {
    if (ip[ipv6::kVersionClassLabel] >> 4 != 6 || ip[ipv6::kNextHeader] != kProtocolTcp ||
        load_be16(ip - sizeof(uint16_t)) != ethernet::kTypeIpv6)
      return {};
    uint64_t low = 0;
    for (size_t i = 0; i < 4; ++i)
      low = _mm_crc32_u64(low, load<uint64_t>(ip + ipv6::kSource + 8 * i));
    const auto ports = load<uint32_t>(ip + ipv6::kHeaderBytes);
    const auto hash = static_cast<uint32_t>(_mm_crc32_u64(low, ports));
    const uint64_t fingerprint = low << 32 ^ load<uint64_t>(ip + ipv6::kSource + 8);
    return {fingerprint, ports, hash & mask_,
            static_cast<uint16_t>(ipv6::kHeaderBytes + load_be16(ip + ipv6::kPayloadLength))};
  }
}

// A full bucket loses its first flow.
template <Family F>
uint16_t ReferenceKernel<F>::backend_of(const Parsed& parsed) noexcept {
  Bucket& bucket = buckets_[parsed.bucket];
#ifdef __AVX512F__
  const __m512i line = _mm512_load_si512(&bucket);
  const __m512i wanted =
      _mm512_set4_epi32(0, static_cast<int>(parsed.ports), static_cast<int>(parsed.key >> 32),
                        static_cast<int>(parsed.key));
  const uint32_t equal = _mm512_cmpeq_epi32_mask(line, wanted);
  const uint32_t hits = equal & equal >> 1 & equal >> 2 & 0x1111;
  if (hits != 0) [[likely]]
    return bucket.ways[static_cast<size_t>(std::countr_zero(hits)) / 4].backend;
#else
  for (const Entry& entry : bucket.ways) {
    if (entry.key == parsed.key && entry.ports == parsed.ports) return entry.backend;
  }
#endif
  ++missed_;
  Entry* const free = std::find_if(bucket.ways.begin(), bucket.ways.end(),
                                   [](const Entry& entry) { return entry.is_used == 0; });
  Entry& entry = free == bucket.ways.end() ? bucket.ways[0] : *free;
  const uint64_t mixed = (parsed.key ^ parsed.ports) * 0x9e37'79b9'7f4a'7c15;
  entry = {parsed.key, parsed.ports, static_cast<uint16_t>((mixed >> 32) % kBackends), 1};
  return entry.backend;
}

template <Family F>
void ReferenceKernel<F>::encapsulate(rte_mbuf* mbuf, const Parsed& parsed,
                                     Backend& backend) noexcept {
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off - ipv4::kHeaderBytes);
  mbuf->data_len = static_cast<uint16_t>(mbuf->data_len + ipv4::kHeaderBytes);
  mbuf->pkt_len += ipv4::kHeaderBytes;
  auto* const frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  std::memcpy(frame, backend.header.data(), backend.header.size());
  uint8_t* const outer = frame + ethernet::kHeaderBytes;
  const auto total = static_cast<uint16_t>(parsed.ip_bytes + ipv4::kHeaderBytes);
  store_be16(outer + ipv4::kTotalLength, total);
  uint32_t sum = backend.header_sum + total;
  sum = (sum & 0xffff) + (sum >> 16);
  store_be16(outer + ipv4::kChecksum, static_cast<uint16_t>(~(sum + (sum >> 16))));
  ++backend.packets;
  backend.bytes += parsed.ip_bytes;
}

template <Family F>
void ReferenceKernel<F>::forward(std::span<rte_mbuf* const> mbufs) noexcept {
  constexpr size_t kAhead = 4;
  std::array<Parsed, kBurst> parsed;
  for (size_t i = 0; i < std::min(kAhead, mbufs.size()); ++i)
    __builtin_prefetch(rte_pktmbuf_mtod(mbufs[i], uint8_t*));
  for (size_t i = 0; i < mbufs.size(); ++i) {
    if (i + kAhead < mbufs.size())
      __builtin_prefetch(rte_pktmbuf_mtod(mbufs[i + kAhead], uint8_t*));
    auto* const frame = rte_pktmbuf_mtod(mbufs[i], uint8_t*);
    __builtin_prefetch(frame - ipv4::kHeaderBytes, 1);
    parsed[i] = parse(frame + ethernet::kHeaderBytes);
    __builtin_prefetch(&buckets_[parsed[i].bucket]);
  }
  for (size_t i = 0; i < mbufs.size(); ++i)
    encapsulate(mbufs[i], parsed[i], backends_[backend_of(parsed[i])]);
}

template <Family F>
uint64_t ReferenceKernel<F>::forwarded() const noexcept {
  uint64_t sum = 0;
  for (const Backend& backend : backends_)
    sum += backend.packets;
  return sum;
}

template class ReferenceKernel<Family::kIpv4>;
template class ReferenceKernel<Family::kIpv6>;

}  // namespace sluice::dataplane

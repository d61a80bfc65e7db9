// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// XDP on the model server's host: takes IP out of IP, in all four pairs of families.
//
// Only tunnel packets to an address of the interface itself are opened; everything else passes
// untouched. Source: RFC 2003, RFC 2473, RFC 6040 (a congestion mark on the outside is carried to
// the inside).
#include "dataplane/bpf/decap_maps.h"
#include "dataplane/bpf/packet.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, DECAP_LOCAL_ADDRESSES_MAX);
  __type(key, struct DecapAddressKey);
  __type(value, __u32);
} sluice_local SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, DECAP_SOURCES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct DecapSourceKey);
  __type(value, __u32);
} sluice_source SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, kDecapCounterCount);
  __type(key, __u32);
  __type(value, struct DecapCounter);
} sluice_decapped SEC(".maps");

#define CONGESTION_MASK 3
#define CONGESTION_EXPERIENCED 3

struct Outer {
  __u32 length;      // of the outer header with its options
  __u32 congestion;  // ECN bits
  __u8 inner_protocol;
};

static __always_inline int count(__u32 index, __u32 bytes, int action) {
  struct DecapCounter* counter = bpf_map_lookup_elem(&sluice_decapped, &index);
  if (counter) {
    counter->packets += 1;
    counter->bytes += bytes;
  }
  return action;
}

static __always_inline int is_local(const __u8 address[16]) {
  return bpf_map_lookup_elem(&sluice_local, address) != 0;
}

static __always_inline int is_allowed_source(const __u8 address[16]) {
  struct DecapSourceKey key = {.prefix_length = 128};
  __builtin_memcpy(key.address, address, sizeof(key.address));
  return bpf_map_lookup_elem(&sluice_source, &key) != 0;
}

static __always_inline int is_tunnel(__u8 protocol) {
  return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

// What an outer header turned out to be; a counter index when the packet is not to be opened.
#define OPEN (-1)

static __always_inline int parse_ipv4(const struct Frame* frame, struct Outer* outer) {
  const struct iphdr* ip = frame->network;
  __u8 address[16];
  if ((const void*)(ip + 1) > frame->end || !is_tunnel(ip->protocol)) return kDecapPassed;
  map_ipv4(address, ip->daddr);
  if (!is_local(address)) return kDecapPassed;
  if (ip->version != 4 || ip->ihl < 5) return kDecapMalformed;
  if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK)) return kDecapFragment;
  map_ipv4(address, ip->saddr);
  if (!is_allowed_source(address)) return kDecapRefused;
  outer->length = ip->ihl * 4;
  outer->congestion = ip->tos & CONGESTION_MASK;
  outer->inner_protocol = ip->protocol;
  return OPEN;
}

// A tunnel may carry a destination option, the encapsulation limit of RFC 2473.
static __always_inline int parse_ipv6(const struct Frame* frame, struct Outer* outer) {
  const struct ipv6hdr* ip = frame->network;
  if ((const void*)(ip + 1) > frame->end) return kDecapPassed;
  outer->length = sizeof(*ip);
  outer->inner_protocol = ip->nexthdr;
  if (outer->inner_protocol == IPPROTO_DSTOPTS) {
    const struct Ipv6Extension* options = (const void*)(ip + 1);
    if ((const void*)(options + 1) > frame->end) return kDecapPassed;
    outer->length += (options->length + 1) * 8;
    outer->inner_protocol = options->next_header;
  }
  if (!is_tunnel(outer->inner_protocol)) return kDecapPassed;
  if (!is_local((const __u8*)&ip->daddr)) return kDecapPassed;
  if (!is_allowed_source((const __u8*)&ip->saddr)) return kDecapRefused;
  outer->congestion = (bpf_ntohs(*(const __be16*)ip) >> 4) & CONGESTION_MASK;
  return OPEN;
}

// RFC 1624 on one changed word of the header.
static __always_inline void mark_ipv4(struct iphdr* ip) {
  __u32 sum = (__u16)~ip->check;
  sum += (__u16) ~*(__u16*)ip;
  ip->tos |= CONGESTION_EXPERIENCED;
  sum += *(__u16*)ip;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip->check = (__u16)~sum;
}

// The length of the inner packet; 0 when it does not parse or may not be delivered.
static __always_inline __u32 check_inner(void* inner, void* end, const struct Outer* outer) {
  const int congested = outer->congestion == CONGESTION_EXPERIENCED;
  if (outer->inner_protocol == IPPROTO_IPIP) {
    struct iphdr* ip = inner;
    if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return 0;
    const __u32 length = bpf_ntohs(ip->tot_len);
    if (length < sizeof(*ip) || inner + length > end) return 0;
    if (congested && (ip->tos & CONGESTION_MASK) == 0) return 0;
    if (congested) mark_ipv4(ip);
    return length;
  }
  struct ipv6hdr* ip = inner;
  if ((void*)(ip + 1) > end || ip->version != 6) return 0;
  const __u32 length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
  if (inner + length > end) return 0;
  const __be16 mark = bpf_htons(CONGESTION_EXPERIENCED << 4);
  if (congested && (*(__be16*)ip & mark) == 0) return 0;
  if (congested) *(__be16*)ip |= mark;
  return length;
}

// Moves the link header up to the inner packet and cuts off what is before it.
static __always_inline int strip(struct xdp_md* context, const struct Frame* frame,
                                 const struct Outer* outer) {
  const __be16 ether_type =
      outer->inner_protocol == IPPROTO_IPIP ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
  const __u16 tagged = frame->tagged;
  struct ethhdr link;
  struct VlanTag tag = {};
  void* begin = (void*)(long)context->data;
  void* end = (void*)(long)context->data_end;
  if (begin + sizeof(link) + sizeof(tag) > end) return 0;
  __builtin_memcpy(&link, begin, sizeof(link));
  if (tagged) __builtin_memcpy(&tag, begin + sizeof(link), sizeof(tag));
  if (bpf_xdp_adjust_head(context, (int)outer->length)) return 0;
  begin = (void*)(long)context->data;
  end = (void*)(long)context->data_end;
  if (begin + sizeof(link) + sizeof(tag) > end) return 0;
  if (tagged) {
    tag.ether_type = ether_type;
    __builtin_memcpy(begin + sizeof(link), &tag, sizeof(tag));
  } else {
    link.h_proto = ether_type;
  }
  __builtin_memcpy(begin, &link, sizeof(link));
  return 1;
}

static __always_inline __u32 pair_index(const struct Frame* frame, const struct Outer* outer) {
  const int inner_is_ipv4 = outer->inner_protocol == IPPROTO_IPIP;
  if (frame->ether_type == bpf_htons(ETH_P_IP)) return inner_is_ipv4 ? kDecap4In4 : kDecap6In4;
  return inner_is_ipv4 ? kDecap4In6 : kDecap6In6;
}

SEC("xdp")
int sluice_decap(struct xdp_md* context) {
  const __u32 frame_length = (__u32)(context->data_end - context->data);
  struct Frame frame;
  struct Outer outer = {};
  int verdict = kDecapPassed;
  if (parse_link(context, &frame)) {
    if (frame.ether_type == bpf_htons(ETH_P_IP)) verdict = parse_ipv4(&frame, &outer);
    if (frame.ether_type == bpf_htons(ETH_P_IPV6)) verdict = parse_ipv6(&frame, &outer);
  }
  if (verdict == kDecapMalformed) return count(verdict, frame_length, XDP_DROP);
  if (verdict != OPEN) return count(verdict, frame_length, XDP_PASS);

  const __u32 pair = pair_index(&frame, &outer);
  const __u32 inner_length = check_inner(frame.network + (outer.length & 0xfff), frame.end, &outer);
  if (inner_length == 0) return count(kDecapMalformed, frame_length, XDP_DROP);
  if (!strip(context, &frame, &outer)) return count(kDecapMalformed, frame_length, XDP_DROP);
  return count(pair, inner_length, XDP_PASS);
}

char sluice_license[] SEC("license") = "Dual BSD/GPL";

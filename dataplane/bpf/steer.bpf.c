// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// XDP on the edge host: hands packets of configured services to the AF_XDP socket, leaves all
// others to the kernel.
//
// A service's packet never reaches the kernel: without a socket on its queue it is dropped. What is
// malformed or fragmented and addressed to a service goes to the socket too, where it is counted.
#include "dataplane/bpf/packet.bpf.h"
#include "dataplane/bpf/steer_maps.h"

// DPDK's AF_XDP driver looks for exactly this name.
struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_ENDPOINTS_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct SteerEndpointKey);
  __type(value, __u32);
} sluice_endpoint SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, STEER_ADDRESSES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct SteerAddressKey);
  __type(value, __u32);
} sluice_address SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct SteerStation);
} sluice_station SEC(".maps");

struct Ports {
  __be16 source;
  __be16 destination;
};

static __always_inline int to_socket(struct xdp_md* context) {
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_DROP);
}

static __always_inline int is_for_other_station(const __u8* destination) {
  const __u32 first = 0;
  const struct SteerStation* own = bpf_map_lookup_elem(&sluice_station, &first);
  if (!own) return 0;
  const __u16* ours = (const __u16*)own->mac;
  const __u16* theirs = (const __u16*)destination;
  if ((ours[0] | ours[1] | ours[2]) == 0) return 0;
  return ours[0] != theirs[0] || ours[1] != theirs[1] || ours[2] != theirs[2];
}

static __always_inline int is_service_address(const __u8 address[16]) {
  return bpf_map_lookup_elem(&sluice_address, address) != 0;
}

// `transport` may lie beyond the frame: a truncated packet is the socket's to count.
static __always_inline int decide(struct xdp_md* context, struct SteerEndpointKey* key,
                                  void* transport, void* end) {
  if (key->protocol != IPPROTO_TCP && key->protocol != IPPROTO_UDP && key->protocol != IPPROTO_SCTP)
    return XDP_PASS;
  const struct Ports* ports = transport;
  if ((void*)(ports + 1) > end) return to_socket(context);
  key->port_be = ports->destination;
  if (bpf_map_lookup_elem(&sluice_endpoint, key)) return to_socket(context);
  key->port_be = 0;
  if (bpf_map_lookup_elem(&sluice_endpoint, key)) return to_socket(context);
  return XDP_PASS;
}

static __always_inline int steer_ipv4(struct xdp_md* context, const struct Frame* frame) {
  const struct iphdr* ip = frame->network;
  struct SteerEndpointKey key = {};
  if ((const void*)(ip + 1) > frame->end) return XDP_PASS;
  map_ipv4(key.address, ip->daddr);
  if (!is_service_address(key.address)) return XDP_PASS;
  if (ip->version != 4 || ip->ihl < 5 || (ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK)))
    return to_socket(context);
  key.protocol = ip->protocol;
  return decide(context, &key, frame->network + ip->ihl * 4, frame->end);
}

static __always_inline int steer_ipv6(struct xdp_md* context, const struct Frame* frame) {
  const struct ipv6hdr* ip = frame->network;
  struct SteerEndpointKey key = {};
  if ((const void*)(ip + 1) > frame->end) return XDP_PASS;
  __builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
  if (!is_service_address(key.address)) return XDP_PASS;
  __u8 next_header = ip->nexthdr;
  __u32 offset = sizeof(*ip);
  for (int i = 0; i < IPV6_EXTENSION_HEADERS_MAX; i++) {
    if (next_header == IPPROTO_FRAGMENT) return to_socket(context);
    if (next_header != IPPROTO_HOPOPTS && next_header != IPPROTO_ROUTING &&
        next_header != IPPROTO_DSTOPTS && next_header != IPPROTO_AH) {
      key.protocol = next_header;
      return decide(context, &key, frame->network + (offset & 0x3fff), frame->end);
    }
    const struct Ipv6Extension* extension = frame->network + (offset & 0x3fff);
    if ((const void*)(extension + 1) > frame->end) return to_socket(context);
    offset += next_header == IPPROTO_AH ? (extension->length + 2) * 4 : (extension->length + 1) * 8;
    next_header = extension->next_header;
  }
  return to_socket(context);
}

SEC("xdp")
int sluice_steer(struct xdp_md* context) {
  struct Frame frame;
  if (!parse_link(context, &frame)) return XDP_PASS;
  if (frame.ether_type != bpf_htons(ETH_P_IP) && frame.ether_type != bpf_htons(ETH_P_IPV6))
    return XDP_PASS;
  if (is_for_other_station((void*)(long)context->data)) return XDP_PASS;
  return frame.ether_type == bpf_htons(ETH_P_IP) ? steer_ipv4(context, &frame)
                                                 : steer_ipv6(context, &frame);
}

char sluice_license[] SEC("license") = "Dual BSD/GPL";

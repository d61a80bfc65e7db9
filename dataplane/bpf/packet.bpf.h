// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// Walking over the headers that the XDP programs have in common, within the verifier's bounds.
#pragma once

// The helpers need the kernel's types before them.
// clang-format off
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#define IPV4_FRAGMENT_MASK 0x3fff  // more-fragments, offset
#define IPV6_EXTENSION_HEADERS_MAX 8

struct Frame {
  void* network;  // where the IP header begins
  void* end;
  __u16 ether_type;  // network order, behind one tag if there is one
  __u16 tagged;
};

struct VlanTag {
  __be16 control;
  __be16 ether_type;
};

struct Ipv6Extension {
  __u8 next_header;
  __u8 length;
  __u8 rest[6];
};

// False when the frame is shorter than its link header.
static __always_inline int parse_link(struct xdp_md* context, struct Frame* frame) {
  void* begin = (void*)(long)context->data;
  struct ethhdr* ethernet = begin;
  frame->end = (void*)(long)context->data_end;
  if ((void*)(ethernet + 1) > frame->end) return 0;
  frame->network = ethernet + 1;
  frame->ether_type = ethernet->h_proto;
  frame->tagged = 0;
  if (frame->ether_type == bpf_htons(ETH_P_8021Q) || frame->ether_type == bpf_htons(ETH_P_8021AD)) {
    struct VlanTag* tag = frame->network;
    if ((void*)(tag + 1) > frame->end) return 0;
    frame->ether_type = tag->ether_type;
    frame->network = tag + 1;
    frame->tagged = 1;
  }
  return 1;
}

// Writes ::ffff:a.b.c.d.
static __always_inline void map_ipv4(__u8 mapped[16], __be32 address) {
  __u32* words = (__u32*)mapped;
  words[0] = 0;
  words[1] = 0;
  words[2] = bpf_htonl(0xffff);
  words[3] = address;
}

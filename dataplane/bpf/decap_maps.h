// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The maps of the decapsulation program as both sides see them: the kernel's verifier,
// `sluice-backend`.
#pragma once

#include <linux/types.h>

#define DECAP_PROGRAM "sluice_decap"

#define DECAP_LOCAL_ADDRESSES_MAX 1024
#define DECAP_SOURCES_MAX 4096

// An IPv4 address is in its mapped form, ::ffff:a.b.c.d.
struct DecapAddressKey {
  __u8 address[16];
};

// A key of the trie of allowed outer sources; the length counts the mapped form's 96 bits too.
struct DecapSourceKey {
  __u32 prefix_length;
  __u8 address[16];
};

// Index of the counter array. Pairs are named inner-in-outer.
enum DecapCounterIndex {
  kDecap4In4,
  kDecap6In4,
  kDecap4In6,
  kDecap6In6,
  kDecapPassed,     // not a tunnel packet for this host
  kDecapRefused,    // a tunnel packet from a source that is not allowed: left to the kernel
  kDecapFragment,   // a fragment of a tunnel packet: left to the kernel
  kDecapMalformed,  // a tunnel packet that does not parse: dropped
  kDecapCounterCount,
};

struct DecapCounter {
  __u64 packets;
  __u64 bytes;  // of the inner packet when decapsulated, else of the frame
};

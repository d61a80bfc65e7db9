// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The maps of the steering program as both sides see them: the kernel's verifier, `port` in user
// space.
#pragma once

#include <linux/types.h>

#define STEER_PROGRAM "sluice_steer"

// 4,096 services with 32 endpoints each; the kernel allocates entries as they come.
#define STEER_ENDPOINTS_MAX 131072
#define STEER_ADDRESSES_MAX 65536

// A service's endpoint. An IPv4 address is in its mapped form, ::ffff:a.b.c.d.
struct SteerEndpointKey {
  __u8 address[16];
  __u16 port_be;  // network order; 0: any port
  __u8 protocol;
  __u8 zero;
};

struct SteerAddressKey {
  __u8 address[16];
};

// Frames for other stations, flooded by a switch, are not ours to forward. All zero: take all.
struct SteerStation {
  __u8 mac[6];
};

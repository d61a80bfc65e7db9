// SPDX-License-Identifier: Apache-2.0
//
// How a daemon that takes and gives large messages treats its heap.
#pragma once

#include <malloc.h>

namespace sluice {

// Every change of policy takes tens of megabytes and frees them. Were they given back to the kernel
// in between, each page would have to be faulted in again: a third of the time of a change.
// Thread: the first, before it makes others.
inline void keep_freed_memory() {
  constexpr int kKeptBytes = 256 << 20;
  constexpr int kMappedBytes = 32 << 20;  // the most that glibc allows
  mallopt(M_ARENA_MAX, 1);                // one heap to keep, not one of each thread
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  mallopt(M_MMAP_THRESHOLD, kMappedBytes);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
//
// Pages that are present before the first packet.
#include "dataplane/flow/touched_array.h"

#include <sys/mman.h>

#include <cstring>

namespace sluice::dataplane {

std::optional<TouchedMemory> TouchedMemory::create(size_t size_bytes) noexcept {
  void* const pages =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return std::nullopt;
  // A refusal costs TLB misses, nothing else.
  static_cast<void>(madvise(pages, size_bytes, MADV_HUGEPAGE));
  std::memset(pages, 0, size_bytes);

  TouchedMemory memory;
  memory.begin_ = pages;
  memory.size_bytes_ = size_bytes;
  return memory;
}

TouchedMemory::~TouchedMemory() {
  if (begin_ != nullptr) munmap(begin_, size_bytes_);
}

}  // namespace sluice::dataplane

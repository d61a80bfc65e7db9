// SPDX-License-Identifier: Apache-2.0
//
// Pages that are present before the first packet.
#include "dataplane/flow/touched_array.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace sluice::dataplane {

namespace {

// What the kernel can give without taking it from anybody; it promises more (overcommit), and ends
// processes when the promise is called in.  Errors: as much as there may be, when it does not say.
size_t available_bytes() noexcept {
  size_t kibibytes = SIZE_MAX / 1024;
  if (std::FILE* const file = std::fopen("/proc/meminfo", "re")) {
    char line[128];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::sscanf(line, "MemAvailable: %zu kB", &kibibytes) == 1) break;
    }
    std::fclose(file);
  }
  return kibibytes * 1024;
}

}  // namespace

std::optional<TouchedMemory> TouchedMemory::create(size_t size_bytes) noexcept {
  if (size_bytes > available_bytes()) return std::nullopt;
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

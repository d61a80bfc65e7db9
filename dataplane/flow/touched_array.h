// SPDX-License-Identifier: Apache-2.0
//
// A zeroed array whose pages are all present from the start, so that an lcore never faults on them.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace sluice::dataplane {

// Pages from the kernel, every one touched; huge ones where the kernel grants them.
class TouchedMemory {
 public:
  // Errors: nullopt when the kernel has not got so much.
  static std::optional<TouchedMemory> create(size_t size_bytes) noexcept;

  TouchedMemory() = default;
  TouchedMemory(TouchedMemory&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)),
        size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  TouchedMemory& operator=(TouchedMemory&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  ~TouchedMemory();

  void* begin() const noexcept { return begin_; }

 private:
  void* begin_ = nullptr;
  size_t size_bytes_ = 0;
};

template <class T>
class TouchedArray {
  static_assert(std::is_trivially_destructible_v<T>, "nobody destroys the elements");

 public:
  // Shape: `size` elements of all-zero bytes.  Alloc: startup.  Errors: nullopt when memory is
  // short.
  static std::optional<TouchedArray> create(size_t size) noexcept {
    std::optional<TouchedMemory> memory = TouchedMemory::create(size * sizeof(T));
    if (!memory) return std::nullopt;
    TouchedArray array;
    array.memory_ = std::move(*memory);
    array.size_ = size;
    return array;
  }

  T& operator[](size_t index) noexcept { return elements()[index]; }
  const T& operator[](size_t index) const noexcept { return elements()[index]; }
  T* elements() const noexcept { return static_cast<T*>(memory_.begin()); }
  size_t size() const noexcept { return size_; }

 private:
  TouchedMemory memory_;
  size_t size_ = 0;
};

}  // namespace sluice::dataplane

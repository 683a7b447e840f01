// SPDX-License-Identifier: Apache-2.0
// A block of a device's memory that grows and never shrinks: arenas, scratch, slots, copies of inputs. Asking again for what fits costs
// nothing, so runs with equal shapes allocate nothing.
#pragma once

#include "runtime/devices/device.h"
#include "runtime/failure.h"

#include <cstring>
#include <utility>

namespace tw::runtime {

class Buffer {
public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() { free(); }

  unsigned char* data() const { return static_cast<unsigned char*>(data_); }
  size_t capacity() const { return capacity_; }

  // Fills the block with bytes that are NaN in every kind of float, so that what is read before it is written shows.
  void poison() const {
    if (data_ != nullptr) std::memset(data_, 0xff, capacity_);
  }

  // At least `bytes` bytes, 64-byte aligned, never null; what was in it is lost when it has to grow. `what` names it in the error.
  template <class... What> unsigned char* ensure(size_t bytes, const What&... what) {
    if (data_ != nullptr && bytes <= capacity_) return data();
    free();
    data_ = devices::cpu.allocate(0, bytes);
    if (data_ == nullptr)
      throw Failure(TW_USER_ERROR, text("cannot allocate ", bytes, " bytes for ", what...,
                                        "; free memory, use smaller inputs, or raise the limit of this process"));
    capacity_ = bytes;
    return data();
  }

private:
  void free() {
    if (data_ != nullptr) devices::cpu.release(0, data_, capacity_);
    data_ = nullptr;
    capacity_ = 0;
  }

  void* data_ = nullptr;
  size_t capacity_ = 0;
};

} // namespace tw::runtime

// SPDX-License-Identifier: Apache-2.0
#include "bindings/runtime/memory.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace tw::bindings {
namespace {

constexpr size_t alignment = 64;
constexpr size_t smallest_kept = size_t{1} << 16; // below it the allocator keeps the pages itself
constexpr size_t most_kept = size_t{1} << 25, most_blocks = 16;

// Blocks that nobody uses, the oldest first.
class Kept {
public:
  Kept() { blocks_.reserve(most_blocks); }

  void* take(size_t size) {
    const std::lock_guard lock(mutex_);
    for (size_t i = blocks_.size(); i-- > 0;)
      if (blocks_[i].second == size) {
        void* memory = blocks_[i].first;
        blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
        bytes_ -= size;
        return memory;
      }
    return nullptr;
  }

  void give(void* memory, size_t size) noexcept {
    if (size < smallest_kept || size > most_kept) return std::free(memory);
    const std::lock_guard lock(mutex_);
    while (blocks_.size() == most_blocks || bytes_ + size > most_kept) {
      std::free(blocks_.front().first);
      bytes_ -= blocks_.front().second;
      blocks_.erase(blocks_.begin());
    }
    blocks_.emplace_back(memory, size);
    bytes_ += size;
  }

private:
  std::mutex mutex_;
  std::vector<std::pair<void*, size_t>> blocks_;
  size_t bytes_ = 0;
};

// Never destroyed: arrays may outlive static objects at the end of the process.
Kept& kept() {
  static auto* const all = new Kept;
  return *all;
}

} // namespace

std::shared_ptr<void> allocate_aligned(int64_t bytes) {
  const size_t size = (static_cast<size_t>(std::max<int64_t>(bytes, 1)) + alignment - 1) / alignment * alignment;
  void* memory = size < smallest_kept ? nullptr : kept().take(size);
  if (memory == nullptr) memory = std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return {memory, [size](void* dropped) { kept().give(dropped, size); }};
}

} // namespace tw::bindings

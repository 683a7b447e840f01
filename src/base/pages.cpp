// SPDX-License-Identifier: Apache-2.0
#include "base/pages.h"

#include <new>

#include <sys/mman.h>

namespace tw {

std::shared_ptr<std::byte> allocate_pages(size_t size) {
  if (size == 0) return {};
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  ::madvise(memory, size, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(memory), [size](std::byte* p) { ::munmap(p, size); }};
}

} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// The processor itself. Large blocks are mapped on a boundary of 2 MiB with huge pages advised: an arena of 100 MB then costs 50 entries of
// the address cache instead of 25,000. Small ones come from the C library.
#include "runtime/devices/device.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace tw::devices {
namespace {

constexpr size_t huge_page = 2u << 20, mapped_from = 4u << 20;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

int count() { return 1; }

// Maps one huge page more than needed and gives back what lies before the boundary and behind the end.
void* map(size_t bytes) {
  const size_t wanted = round_up(bytes, huge_page);
  void* const mapped = ::mmap(nullptr, wanted + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = round_up(begin, huge_page);
  if (aligned != begin) ::munmap(mapped, aligned - begin);
  if (const size_t behind = begin + huge_page - aligned; behind != 0) ::munmap(reinterpret_cast<void*>(aligned + wanted), behind);
  ::madvise(reinterpret_cast<void*>(aligned), wanted, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

void* allocate(int, size_t bytes) {
  if (bytes > static_cast<size_t>(PTRDIFF_MAX) - 2 * huge_page) return nullptr;
  if (bytes >= mapped_from) return map(bytes);
  return std::aligned_alloc(alignment, bytes == 0 ? alignment : round_up(bytes, alignment));
}

void release(int, void* memory, size_t bytes) {
  if (bytes >= mapped_from) ::munmap(memory, round_up(bytes, huge_page));
  else std::free(memory);
}

int copy(int, void* to, const void* from, size_t bytes, Direction) {
  if (bytes != 0) std::memmove(to, from, bytes);
  return 0;
}

int synchronise(int) { return 0; }

} // namespace

const Device cpu = {"cpu", count, allocate, release, copy, synchronise};

} // namespace tw::devices

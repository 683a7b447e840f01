// SPDX-License-Identifier: Apache-2.0
// The null device: memory of its own kind that nothing computes on. It is the template for a new device (copy the folder, rename, fill in)
// and the stand-in for tests of whatever talks to devices.
//
// What a real one replaces: `count` asks the driver, which is opened with dlopen so that the runtime starts without it; `allocate` and
// `release` are the driver's; `copy` puts work into a queue; `synchronise` waits for the queue. This one has its queue already empty
// whenever a call returns.
#include "runtime/devices/device.h"

#include <cstdlib>
#include <cstring>

namespace tw::devices {
namespace {

int count() { return 1; }

// aligned_alloc wants a multiple of the alignment; a device must also give an address for 0 bytes.
void* allocate(int, size_t bytes) {
  if (bytes > static_cast<size_t>(-1) - alignment) return nullptr;
  const size_t rounded = bytes == 0 ? alignment : (bytes + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, rounded);
}

void release(int, void* memory, size_t) { std::free(memory); }

// A device with memory that the processor cannot reach looks at the direction; here all three are the same. memmove: within the device the
// two ranges may overlap.
int copy(int, void* to, const void* from, size_t bytes, Direction) {
  if (bytes != 0) std::memmove(to, from, bytes);
  return 0;
}

int synchronise(int) { return 0; }

} // namespace

// The one thing that leaves this file. Its name is the folder's and the file's.
extern const Device null;
const Device null = {"null", count, allocate, release, copy, synchronise};

} // namespace tw::devices

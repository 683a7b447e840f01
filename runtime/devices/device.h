// SPDX-License-Identifier: Apache-2.0
// A device is what has memory of its own: one table of functions in one folder, devices/<name>/<name>.cpp. devices/null/ is the commented
// template for a new one; every device of the table must pass tests/runtime/devices_test.cpp.
#pragma once

#include <cstddef>
#include <span>

namespace tw::devices {

enum class Direction { to_device, from_device, within_device };

// Functions that return int give 0 when all went well. None of them throws. `index` is in 0..count()-1.
struct Device {
  const char* name;
  // How many such devices this machine has; 0 when it has none or the driver is missing.
  int (*count)();
  // Memory of at least `bytes` bytes (0 too), aligned to `alignment`; null when there is not enough.
  void* (*allocate)(int index, size_t bytes);
  // `bytes` is what allocate was asked for.
  void (*release)(int index, void* memory, size_t bytes);
  // May return before the copy is done; copies of one device happen in the order of the calls. Host memory must stay until synchronise.
  int (*copy)(int index, void* to, const void* from, size_t bytes, Direction direction);
  // Returns when all that was asked of the device is done.
  int (*synchronise)(int index);
};

inline constexpr size_t alignment = 64;

extern const Device cpu;

// All devices that this library was built with, sorted by name. CMake writes it from the folders.
std::span<const Device* const> table();

} // namespace tw::devices

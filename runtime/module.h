// SPDX-License-Identifier: Apache-2.0
// A module inside the runtime: a checked descriptor, a count of its users, and what keeps its code in memory.
#pragma once

#include "runtime/failure.h"
#include "tensorwright/module.h"

#include <atomic>
#include <memory>
#include <string>

struct tw_module {
  const tw_module_descriptor* descriptor = nullptr;
  std::atomic<int64_t> users{1};
  // The loaded library, or nothing when the module was wrapped.
  std::shared_ptr<void> library;
  void* owner = nullptr;
  void (*release)(void*) = nullptr;
};

namespace tw::runtime {

// Checks everything in a descriptor that the runtime relies on; `name` begins the errors. Throws Failure.
void check_descriptor(const tw_module_descriptor& descriptor, const std::string& name);
// Refuses what needs instructions that this processor has not. A module in memory may be made for another processor, to be written to a
// file: it is refused when it is to run.
void check_processor(const tw_module_descriptor& descriptor, const std::string& name);

// Checks the file, loads it, checks its descriptor. Throws Failure.
std::unique_ptr<tw_module> load_module(const std::string& path);

} // namespace tw::runtime

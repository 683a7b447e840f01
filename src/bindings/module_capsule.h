// SPDX-License-Identifier: Apache-2.0
// A compiled module on its way from tensorwright._core to tensorwright._runtime: what tw_module_wrap takes, in a capsule. The two extension
// modules share no other C++ object.
#pragma once

#include "tensorwright/module.h"

namespace tw::bindings {

struct ModuleCapsule {
  static constexpr const char* name = "tensorwright.module";
  const tw_module_descriptor* descriptor;
  void* owner;            // keeps the descriptor and its code alive
  void (*release)(void*); // called once with the owner
};

} // namespace tw::bindings

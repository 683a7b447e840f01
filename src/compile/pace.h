// SPDX-License-Identifier: Apache-2.0
// How many multiply-adds a core can do right now. The clock of a shared or a hot machine changes within milliseconds, so what a kernel
// reached is compared with what was possible around it, not with the best that was ever seen.
#pragma once

#include "codegen/llvm/probe.h"

namespace tw::compile {

class Pace {
public:
  // For code with the instructions of the target, which this machine must have.
  explicit Pace(const Target& target) : probe_(target) {}

  // float32 operations a second, each multiply-add two, by the calling thread, over about so many seconds and at least some microseconds.
  double flops_per_second(double seconds) const;

private:
  codegen::Probe probe_;
};

} // namespace tw::compile

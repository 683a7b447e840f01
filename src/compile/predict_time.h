// SPDX-License-Identifier: Apache-2.0
// The cost model: how long a kernel takes on one thread, from its final loops and the target's constants. The larger of two bounds: the
// cycles that its instructions need at full rate, and the time that its values need from the level of the cache that can hold them; and on
// top, the time that constants need from memory.
#pragma once

#include "compile/amount.h"
#include "ir/derived.h"
#include "target/target.h"

namespace tw::compile {

// Bytes that one launch reads and writes. Constants come from memory, for a model's weights are read once a run; what other kernels have
// just written comes from the cache that is large enough.
struct Traffic {
  Amount constants = 0, values = 0;
};

// Nanoseconds of the kernel's instructions, over the sizes that `sizes` gives for its dims.
Amount predict_compute(const Kernel& kernel, const Target& target, const Substitution& sizes = {});
// Nanoseconds of a launch whose instructions take so long.
Amount predict_nanoseconds(const Amount& compute, const Traffic& traffic, const Target& target);

} // namespace tw::compile

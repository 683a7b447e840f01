// SPDX-License-Identifier: Apache-2.0
// Which results of a kernel may take the memory of which of its operands: a residual that is added, the argument of a map. What lies in a
// cache already need not be brought there for writing, and less memory is alive.
#pragma once

#include "ir/nodes/kernel.h"

#include <vector>

namespace tw::passes {

// Parameters by position.
struct Overwriting {
  size_t input, output;
};
// Every pair where the input is as large as the output and read nowhere but in the stores of that output, at the index that is stored.
// Contract: the kernel is in its last form, with one index an access.
std::vector<Overwriting> possible_overwriting(const Kernel& kernel);

} // namespace tw::passes

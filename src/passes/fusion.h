// SPDX-License-Identifier: Apache-2.0
// What fuse and lower agree on.
#pragma once

#include "ir/node_list.h"

namespace tw::passes {

// Does the call do work of its own (unlike views, which share memory, and read_sizes, which belongs to the entry function)?
bool is_kernel(const OpCall& call);
// A graph Function that stands for one kernel to be.
bool is_fused(const Callable& callable);

} // namespace tw::passes

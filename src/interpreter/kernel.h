// SPDX-License-Identifier: Apache-2.0
// Running one kernel on host arrays, at any stage: with blocks or flat, scalar or vectorised, with register tiles.
#pragma once

#include "interpreter/array.h"

namespace tw::interpreter {

struct Limits {
  int64_t steps = unbounded; // stores that may be executed; more is an `unsupported` error
};

// `inputs`: one array for each `in` and `inout` parameter, in order. `dims`: the kernel's dims, in order; a missing one is taken from the
// shape of an input. Gives the `out` and `inout` arrays. An access outside a buffer, and a read before the first write, are internal
// errors.
std::vector<Array> interpret_kernel(const Kernel& kernel, const std::vector<Array>& inputs, const std::vector<int64_t>& dims = {},
                                    Limits* limits = nullptr);

// An integer expression over variables of known value; empty if it needs another, or data.
using Sizes = std::unordered_map<const Node*, int64_t>;
std::optional<int64_t> evaluate_size(const Ref<Expr>& e, const Sizes& sizes);

} // namespace tw::interpreter

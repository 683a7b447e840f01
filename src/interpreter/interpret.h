// SPDX-License-Identifier: Apache-2.0
// The reference: runs a graph function, an operator call or a kernel on host arrays, slowly and exactly as the IR says. Operators run
// through their own definition (the unscheduled kernel, or their decomposition), so there is no second evaluation that could disagree.
#pragma once

#include "interpreter/kernel.h"

namespace tw::interpreter {

// The function's results. Sizes are bound from the inputs' shapes and checked; a wrong input is a user error.
std::vector<Array> interpret(const Ref<Module>& module, Name function, std::vector<Array> inputs, Limits* limits = nullptr);
// The results of one call. `inputs`: one array for each present argument, in order (a Constant argument's own contents are not taken);
// their shapes stand for the arguments' types, symbols in attributes take their values from `sizes`.
std::vector<Array> interpret_call(const OpCall& call, const std::vector<Array>& inputs, const Sizes& sizes = {}, Limits* limits = nullptr);

} // namespace tw::interpreter

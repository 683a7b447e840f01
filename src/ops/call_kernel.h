// SPDX-License-Identifier: Apache-2.0
// The unscheduled kernel of one operator call: its `compute` between buffers for the arguments and results.
#pragma once

#include "ops/op.h"

namespace tw::ops {

// Parameters: the present arguments in order, then the results. `dims` are the symbols of shapes and attributes, in order of appearance.
// The type rule's assumptions stand first, as Asserts of the user's fault. Contract: the operator has a `compute`.
Ref<Kernel> build_kernel(const OpCall& call, Name id = "");
// The variables that occur in types and attributes of the call and its results, in order of appearance.
std::vector<Ref<Var>> free_dims(const OpCall& call, const Types& results);

} // namespace tw::ops

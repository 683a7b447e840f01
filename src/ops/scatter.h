// SPDX-License-Identifier: Apache-2.0
// What the scatter operators share: how an update meets what is there.
#pragma once

#include "ops/loops.h"

namespace tw::ops {

// none (replace), add, mul, max or min; a user error otherwise.
void check_reduction(const Name& reduction, DType type);
Ref<Expr> combined(const Name& reduction, const Ref<Expr>& old, const Ref<Expr>& update);

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
// What the quantising operators share: one scale (and zero point) for the tensor, for each index along an axis, or for each block of an
// axis.
#pragma once

#include "ops/elementwise.h"

namespace tw::ops {

// Checks that scale and zero point (inputs 1 and 2) fit x: scalars, vectors along the axis, or x's shape with blocks along the axis.
void check_scales(TypeContext& c, int64_t axis, int64_t block);
// The parameter for the element at an index.
Ref<Expr> parameter_at(const Tensor& parameter, const Indices& i, int64_t axis, int64_t block);

} // namespace tw::ops

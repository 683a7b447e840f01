// SPDX-License-Identifier: Apache-2.0
// What operators share that sum products: matrix products, convolutions, and those whose elements are multiplied in another way.
#pragma once

#include "ops/op.h"

namespace tw::ops {

// The product of an element of the first operand and one of the second, as the sum takes it.
using Multiply = Ref<Expr> (*)(const Ref<Expr>& a, const Ref<Expr>& b);

// Output 0: the sum over the extents in the type of computation, then the bias (input 2) of its index along `channel`, if there is one;
// both rounded once to the type of the elements.
void sum_with_bias(Compute& c, const Shape& extents, const Compute::Fold& fold, size_t channel = 0);

} // namespace tw::ops

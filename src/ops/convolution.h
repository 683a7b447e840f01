// SPDX-License-Identifier: Apache-2.0
// What convolutions share whose elements are multiplied in different ways.
#pragma once

#include "ops/op.h"

namespace tw::ops {

// The product of an element of x and one of the weights, as the sum takes it.
using Multiply = Ref<Expr> (*)(const Ref<Expr>& x, const Ref<Expr>& weight);

// `products`: of numbers in one of elements.
OpDef define_convolution(std::string doc, std::vector<std::string> inputs, int64_t products, Multiply multiply,
                         std::vector<std::string> examples);

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution.h"

namespace tw::ops {

extern const OpDef convolution = define_convolution(
    "Slides weights over 1 to 3 (or more) spatial dimensions. x: (N, C, space…), weights: (O, C / groups, kernel…); with channels_last "
    "x: (N, space…, C), weights: (kernel…, C / groups, O). pads: all begins, then all ends",
    {"x: number", "weights: number", "bias?: number"}, 1, [](const Ref<Expr>& x, const Ref<Expr>& weight) { return x * weight; },
    {"convolution([[[1.0, 2.0, 3.0, 4.0]]], [[[1.0, 10.0]]]) == [[[21.0, 32.0, 43.0]]]",
     "convolution([[[1.0, 2.0, 3.0, 4.0]]], [[[1.0, 10.0]]], [0.5], strides=[2], pads=[1, 1]) == [[[10.5, 32.5, 4.5]]]",
     "convolution([[[1, 2, 3], [4, 5, 6]]], [[[1, 1]], [[2, 0]]], groups=2) == [[[3, 5], [8, 10]]]",
     "convolution([[[1, 4], [2, 5], [3, 6]]], [[[1, 2], [0, 1]]], channels_last=true) == [[[1, 6], [2, 9], [3, 12]]]"});

} // namespace tw::ops

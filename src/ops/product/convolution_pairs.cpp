// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution.h"

#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef convolution_pairs =
    define_convolution("the convolution of channels that pack_pairs has joined: processors multiply and add two of i16 at once, in i32",
                       {"x: i32", "weights: i32"}, 2,
                       [](const Ref<Expr>& x, const Ref<Expr>& weight) {
                         return call("dot_pairs", {x, weight});
                       },
                       {"convolution_pairs(i32([[[131073, 262147]]]), i32([[[131073]], [[3]]])) == i32([[[5, 11], [3, 9]]])"});

} // namespace tw::ops

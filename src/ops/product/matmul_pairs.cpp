// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul.h"

#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef matmul_pairs =
    define_matmul("the matrix product along dimensions that pack_pairs has joined: processors multiply and add two of i16 at once, in i32",
                  {"a: i32", "b: i32"}, 2,
                  [](const Ref<Expr>& a, const Ref<Expr>& b) {
                    return call("dot_pairs", {a, b});
                  },
                  {"matmul_pairs(i32([[131073], [3]]), i32([[131073, -65536]])) == i32([[5, -2], [3, 0]])"});

} // namespace tw::ops

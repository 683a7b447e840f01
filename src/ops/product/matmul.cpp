// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul.h"

namespace tw::ops {

extern const OpDef matmul = define_matmul(
    "the matrix product over the last two dimensions; leading ones broadcast; a vector is a row on the left, a column on the right",
    {"a: number", "b: number"}, 1, [](const Ref<Expr>& a, const Ref<Expr>& b) { return a * b; },
    {"matmul([[1.0, 2.0], [3.0, 4.0]], [[1.0], [10.0]]) == [[21.0], [43.0]]", "matmul([1, 2], [3, 4]) == 11",
     "matmul([[[1, 2]], [[3, 4]]], [[1, 0], [0, 2]], transpose_b=true) == [[[1, 4]], [[3, 8]]]",
     "matmul([[1, 2], [3, 4]], [1, 1]) == [3, 7]", "matmul([1, 1], [[1, 2], [3, 4]]) == [4, 6]",
     "matmul(zeros(f32, [2, 0]), zeros(f32, [0, 2])) == [[0.0, 0.0], [0.0, 0.0]]",
     "matmul([[1, 2], [3, 4]], [[1, 0], [0, 1]], transpose_a=true) == [[1, 3], [2, 4]]"});

} // namespace tw::ops

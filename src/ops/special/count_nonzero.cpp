// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

namespace tw::ops {

extern const OpDef count_nonzero = define(
    {.doc = "how many elements are not zero (or true), as a vector of one: what read_sizes takes for nonzero and compress",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       static_cast<void>(c.shape(0));
       return Types{tensor_type({imm(1)}, i64)};
     }),
     .fusion = Fusion::reduction,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           c.reduce_output(0, Combine::add, x.shape(), [&](Indices, Indices r) { return select(cast(boolean, x(r)), imm(1), imm(0)); });
         },
     .examples = {"count_nonzero([[1.5, 0.0], [nan, 2.0]]) == [3]", "count_nonzero([true, false]) == [1]"}});

} // namespace tw::ops

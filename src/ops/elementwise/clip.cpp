// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef clip = define(
    {.doc = "x limited to [low, high]; both are scalars of x's type and may be absent; high wins if low > high",
     .inputs = std::vector<std::string>{"x: number", "low?: number", "high?: number"},
     .type = TypeRule([](TypeContext& c) {
       for (size_t k = 1; k < 3; ++k) {
         if (!c.has(k)) continue;
         if (c.element(k) != c.element(0))
           throw user_error("limits must have the element type {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(k)));
         if (c.rank(k) > 1 || (c.rank(k) == 1 && !is_int(c.shape(k)[0], 1)))
           throw user_error("limits must be scalars, found rank {}", c.rank(k));
       }
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::elementwise,
     .layout = Layout::any_common,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           auto limit = [&](size_t k) { return widen(c.input(k)(Indices(c.input(k).rank(), imm(0)))); };
           c.output(0, [&](Indices i) {
             E value = widen(x(i));
             if (c.has(1)) value = tw::max(value, limit(1));
             if (c.has(2)) value = tw::min(value, limit(2));
             return tw::cast(x.element(), value);
           });
         },
     .examples = {"clip([-1.0, 0.5, 7.0], 0.0, 6.0) == [0.0, 0.5, 6.0]", "clip([1, 5], none, 3) == [1, 3]",
                  "clip([1, 5], 9, 3) == [3, 3]"}});

} // namespace tw::ops

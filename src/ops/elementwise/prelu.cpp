// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef prelu = define(
    {.doc = "x where x >= 0, else slope * x; the slope broadcasts to x",
     .inputs = std::vector<std::string>{"x: signed", "slope: signed"},
     .type = TypeRule([](TypeContext& c) {
       if (c.element(0) != c.element(1))
         throw user_error("inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(1)));
       if (c.rank(1) > c.rank(0)) throw user_error("the slope must broadcast to x of rank {}, found rank {}", c.rank(0), c.rank(1));
       c.broadcast({c.shape(0), c.shape(1)});
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::elementwise,
     .layout = Layout::any_common,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0), slope = c.input(1);
           c.output(0, [&](Indices i) {
             E value = widen(x(i));
             return tw::cast(x.element(), select(value >= like(value, 0), value, value * widen(slope.broadcast(i))));
           });
         },
     .examples = {"prelu([[-1.0, 2.0], [-3.0, -4.0]], [0.5, 0.25]) == [[-0.5, 2.0], [-1.5, -1.0]]"}});

} // namespace tw::ops

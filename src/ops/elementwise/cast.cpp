// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Cast {
  DType to = f32;
  static constexpr auto fields = std::tuple{field("to", &Cast::to)};
};
} // namespace

extern const OpDef cast = define<Cast>(
    {.doc = "x as another type: floats round, float to integer saturates and takes NaN for 0, integers wrap, to bool is x != 0",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) { return Types{tensor_type(c.shape(0), c.attrs<Cast>().to)}; }),
     .fusion = Fusion::elementwise,
     .layout = Layout::any_common,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           c.output(0, [&](Indices i) { return tw::cast(c.output(0).element(), x(i)); });
         },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       DType to = c.attrs<Cast>().to;
       if (to.is_float() || to.is_bool()) return {};
       return fold_each([to](const E& x) { return tw::cast(to, x); })(c);
     },
     .examples = {"cast([1.7, -1.7, nan, 1e20], to=i32) == i32([1, -1, 0, 2147483647])", "cast([2, 0], to=bool) == [true, false]",
                  "cast([300], to=u8) == u8([44])", "cast([true], to=f32) == [1.0]"}});

} // namespace tw::ops

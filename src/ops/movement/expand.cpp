// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"

namespace tw::ops {

namespace {
struct Expand {
  List<Ref<Expr>> shape;
  static constexpr auto fields = std::tuple{field("shape", &Expand::shape)};
};
} // namespace

extern const OpDef expand = define<Expand>(
    {.doc = "x broadcast to a shape; where the shape says 1, x keeps its size",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       return Types{tensor_type(c.broadcast({c.shape(0), c.attrs<Expand>().shape}), c.element(0))};
     }),
     .fusion = Fusion::elementwise,
     .compute = [](Compute& c) { c.output(0, [&](Indices i) { return c.input(0).broadcast(i); }); },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       if (c.inputs.empty() || !c.inputs[0]) return {};
       TypeContext context(c.call);
       Shape shape = context.broadcast({c.inputs[0]->shape, c.attrs<Expand>().shape});
       auto out = make_contents(shape, [&](const std::vector<int64_t>& i) { return broadcast_element(*c.inputs[0], i); });
       if (!out) return {};
       return std::vector<Contents>{std::move(*out)};
     },
     .examples = {"expand([[1], [2]], shape=[2, 3]) == [[1, 1, 1], [2, 2, 2]]", "expand([1, 2], shape=[2, 1]) == [[1, 2], [1, 2]]"}});

} // namespace tw::ops

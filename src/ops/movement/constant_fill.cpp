// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"

namespace tw::ops {

namespace {
struct ConstantFill {
  List<Ref<Expr>> shape;
  static constexpr auto fields = std::tuple{field("shape", &ConstantFill::shape)};
};
} // namespace

extern const OpDef constant_fill = define<ConstantFill>(
    {.doc = "a tensor of the given shape, every element the value",
     .inputs = std::vector<std::string>{"value: any"},
     .type = TypeRule([](TypeContext& c) {
       if (c.rank(0) > 1 || (c.rank(0) == 1 && !is_int(c.shape(0)[0], 1)))
         throw user_error("the value must be a scalar, found rank {}", c.rank(0));
       for (const auto& size : c.attrs<ConstantFill>().shape) c.assume(size >= imm(0), "sizes must not be negative");
       return Types{tensor_type(c.attrs<ConstantFill>().shape, c.element(0))};
     }),
     .fusion = Fusion::elementwise,
     .compute =
         [](Compute& c) {
           Tensor value = c.input(0);
           c.output(0, [&](Indices) { return value(Indices(value.rank(), imm(0))); });
         },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       if (c.inputs.empty() || !c.inputs[0] || c.inputs[0]->elements.size() != 1) return {};
       auto out = make_contents(c.attrs<ConstantFill>().shape, [&](const std::vector<int64_t>&) { return c.inputs[0]->elements[0]; });
       if (!out) return {};
       return std::vector<Contents>{std::move(*out)};
     },
     .examples = {"constant_fill(7, shape=[2, 1]) == [[7], [7]]", "constant_fill([1.5], shape=[]) == 1.5",
                  "constant_fill(1, shape=[0]) == zeros(i64, [0])"}});

} // namespace tw::ops

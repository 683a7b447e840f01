// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Squeeze {
  List<int64_t> axes;
  static constexpr auto fields = std::tuple{field("axes", &Squeeze::axes)};
};
Shape result_of(const Squeeze& a, const Shape& from) {
  std::vector<Ref<Expr>> out;
  for (size_t d = 0; d < from.size(); ++d) {
    bool chosen = a.axes.empty() ? is_one(from[d]) : false;
    for (int64_t axis : a.axes)
      chosen = chosen || static_cast<size_t>(TypeContext::normalise_axis(axis, static_cast<int64_t>(from.size()), "axes")) == d;
    if (chosen && surely_different(from[d], imm(1))) throw user_error("axis {} must have size 1, found {}", d, to_string(from[d]));
    if (!chosen) out.push_back(from[d]);
  }
  return Shape(std::move(out));
}
} // namespace

extern const OpDef squeeze = define<Squeeze>(
    {.doc = "x without its dimensions of size 1 named by axes (all of them if none are named)",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) { return Types{tensor_type(result_of(c.attrs<Squeeze>(), c.shape(0)), c.element(0))}; }),
     .fusion = Fusion::injective,
     .decompose =
         [](DecomposeContext& c) {
           Shape shape = result_of(c.attrs<Squeeze>(), tensor_of(c.arg(0))->shape);
           return std::vector<Ref<Operand>>{c.graph.call("reshape", {c.arg(0)}, {make(Attr{.name = "shape", .value = shape})})};
         },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       if (c.inputs.empty() || !c.inputs[0]) return {};
       return std::vector<Contents>{{result_of(c.attrs<Squeeze>(), c.inputs[0]->shape), c.inputs[0]->elements}};
     },
     .examples = {"squeeze([[[1, 2]]], axes=[0]) == [[1, 2]]", "squeeze([[[1, 2]]]) == [1, 2]",
                  "squeeze([[[1], [2]]], axes=[-1, 0]) == [1, 2]"}});

} // namespace tw::ops

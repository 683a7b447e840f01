// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Unsqueeze {
  List<int64_t> axes;
  static constexpr auto fields = std::tuple{field("axes", &Unsqueeze::axes)};
};
Shape result_of(const Unsqueeze& a, const Shape& from) {
  std::vector<Ref<Expr>> out;
  auto rank = static_cast<int64_t>(from.size() + a.axes.size());
  std::vector<bool> fresh(static_cast<size_t>(rank), false);
  for (int64_t axis : a.axes) {
    auto at = static_cast<size_t>(TypeContext::normalise_axis(axis, rank, "axes"));
    if (fresh[at]) throw user_error("axes must differ, found {} twice", at);
    fresh[at] = true;
  }
  size_t next = 0;
  for (bool one : fresh) out.push_back(one ? imm(1) : from[next++]);
  return Shape(std::move(out));
}
} // namespace

extern const OpDef unsqueeze = define<Unsqueeze>(
    {.doc = "x with dimensions of size 1 put in, so that they stand at axes of the result",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) { return Types{tensor_type(result_of(c.attrs<Unsqueeze>(), c.shape(0)), c.element(0))}; }),
     .fusion = Fusion::injective,
     .decompose =
         [](DecomposeContext& c) {
           Shape shape = result_of(c.attrs<Unsqueeze>(), tensor_of(c.arg(0))->shape);
           return std::vector<Ref<Operand>>{c.graph.call("reshape", {c.arg(0)}, {make(Attr{.name = "shape", .value = shape})})};
         },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       if (c.inputs.empty() || !c.inputs[0]) return {};
       return std::vector<Contents>{{result_of(c.attrs<Unsqueeze>(), c.inputs[0]->shape), c.inputs[0]->elements}};
     },
     .examples = {"unsqueeze([1, 2], axes=[0, -1]) == [[[1], [2]]]", "unsqueeze(5, axes=[0]) == [5]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Flatten {
  int64_t axis = 1;
  static constexpr auto fields = std::tuple{field("axis", &Flatten::axis)};
};
Shape result_of(int64_t axis, const Shape& from) {
  auto rank = static_cast<int64_t>(from.size());
  if (axis < -rank || axis > rank) throw user_error("axis must be in [{}, {}] for rank {}, found {}", -rank, rank, rank, axis);
  if (axis < 0) axis += rank;
  return {simplified(element_count(Shape(from.begin(), from.begin() + axis))),
          simplified(element_count(Shape(from.begin() + axis, from.end())))};
}
} // namespace

extern const OpDef flatten = define<Flatten>(
    {.doc = "x as a matrix: the dimensions before axis become its rows, the others its columns",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) { return Types{tensor_type(result_of(c.attrs<Flatten>().axis, c.shape(0)), c.element(0))}; }),
     .fusion = Fusion::injective,
     .decompose =
         [](DecomposeContext& c) {
           Shape shape = result_of(c.attrs<Flatten>().axis, tensor_of(c.arg(0))->shape);
           return std::vector<Ref<Operand>>{c.graph.call("reshape", {c.arg(0)}, {make(Attr{.name = "shape", .value = shape})})};
         },
     .examples = {"flatten([[[1, 2], [3, 4]]], axis=2) == [[1, 2], [3, 4]]", "flatten([1, 2], axis=0) == [[1, 2]]"}});

} // namespace tw::ops

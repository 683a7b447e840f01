// SPDX-License-Identifier: Apache-2.0
#include "arith/analyzer.h"
#include "ops/elementwise.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct PackPairs {
  int64_t axis = -1;
  static constexpr auto fields = std::tuple{field("axis", &PackPairs::axis)};
};
size_t axis_of(const PackPairs& a, size_t rank) {
  return static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(rank)));
}
} // namespace

extern const OpDef pack_pairs = define<PackPairs>(
    {.doc = "joins neighbours along an axis: the first of two is the lower half of an i32; 0 stands where there is no second",
     .inputs = std::vector<std::string>{"x: i16"},
     .type = TypeRule([](TypeContext& c) {
       std::vector<Ref<Expr>> shape = c.shape(0).vector();
       Ref<Expr>& size = shape[axis_of(c.attrs<PackPairs>(), shape.size())];
       size = simplified(floordiv(size + 1, imm(2)));
       return Types{tensor_type(Shape(std::move(shape)), i32)};
     }),
     .fusion = Fusion::injective,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           const size_t axis = axis_of(c.attrs<PackPairs>(), x.rank());
           const E size = x.size(axis);
           const bool even = arith::Analyzer().prove_multiple(size, 2);
           c.output(0, [&](Indices i) {
             i[axis] = i[axis] * 2;
             E lower = cast(i32, x(i));
             i[axis] = i[axis] + 1;
             E upper = cast(i32, even ? x(i) : x.where(i[axis] < size, i));
             return tw::binary(BinaryOp::bit_or, tw::binary(BinaryOp::bit_and, lower, imm(0xffff, i32)),
                               tw::binary(BinaryOp::shift_left, upper, imm(16, i32)));
           });
         },
     .examples = {"pack_pairs(i16([1, 2, 3])) == i32([131073, 3])",
                  "pack_pairs(i16([[1, -1], [2, 0]]), axis=0) == i32([[131073, 65535]])"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct OneHot {
  Opt<Expr> depth;
  int64_t axis = -1;
  static constexpr auto fields = std::tuple{field("depth", &OneHot::depth), field("axis", &OneHot::axis)};
};
} // namespace

extern const OpDef one_hot = define<OneHot>(
    {.doc =
         "a new dimension of size depth, in which values[1] stands at the index and values[0] elsewhere; negative indices count from the "
         "end, those outside give values[0] only",
     .inputs = std::vector<std::string>{"indices: number", "values: any"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<OneHot>();
       if (!a.depth) throw user_error("depth is missing");
       c.assume(as_ref<Expr>(a.depth) >= imm(0), "depth must not be negative");
       if (c.rank(1) != 1) throw user_error("values must be a vector of 2 elements, found rank {}", c.rank(1));
       c.same(c.shape(1)[0], imm(2), "the number of values and 2");
       std::vector<Ref<Expr>> shape = c.shape(0).vector();
       shape.insert(shape.begin() + TypeContext::normalise_axis(a.axis, c.rank(0) + 1), as_ref<Expr>(a.depth));
       return Types{tensor_type(Shape(std::move(shape)), c.element(1))};
     }),
     .fusion = Fusion::injective,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<OneHot>();
           Tensor indices = c.input(0), values = c.input(1);
           auto axis = TypeContext::normalise_axis(a.axis, static_cast<int64_t>(indices.rank()) + 1);
           c.output(0, [&](Indices i) {
             Indices from = i;
             from.erase(from.begin() + axis);
             E hit = eq(wrapped_index(indices(from), as_ref<Expr>(a.depth)), i[static_cast<size_t>(axis)]);
             return select(hit, values({imm(1)}), values({imm(0)}));
           });
         },
     .examples = {"one_hot([0, -1], [0.0, 1.0], depth=3) == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]",
                  "one_hot([1, 5], [2, 7], depth=2, axis=0) == [[2, 2], [7, 2]]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct LpNorm {
  int64_t axis = -1, p = 2;
  static constexpr auto fields = std::tuple{field("axis", &LpNorm::axis), field("p", &LpNorm::p)};
};
} // namespace

extern const OpDef lp_norm = define<LpNorm>(
    {.doc = "x divided by its p-norm (p = 1 or 2) along an axis; 0 where the norm is 0",
     .inputs = std::vector<std::string>{"x: float"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<LpNorm>();
       TypeContext::normalise_axis(a.axis, c.rank(0));
       if (a.p != 1 && a.p != 2) throw user_error("p must be 1 or 2, found {}", a.p);
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::reduction,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<LpNorm>();
           Tensor x = c.input(0);
           DType type = computation_type(x.element());
           Reduced axis(x.shape(), {TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank()))}, true);
           Tensor total = c.reduce("total", axis.kept(), type, Combine::add, axis.extents(), [&](Indices i, Indices r) {
             E value = widen(x(axis.join(i, r)));
             return a.p == 1 ? call("abs", {value}) : value * value;
           });
           c.output(0, [&](Indices i) {
             E sum = total(axis.project(i)), norm = a.p == 1 ? sum : call("sqrt", {sum});
             return cast(x.element(), select(eq(norm, like(norm, 0)), like(norm, 0), widen(x(i)) / norm));
           });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 3; },
     .examples = {"lp_norm([[3.0, 4.0], [0.0, 0.0]]) == [[0.6, 0.8], [0.0, 0.0]]", "lp_norm([3.0, -1.0], p=1) == [0.75, -0.25]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct Softmax {
  int64_t axis = -1;
  static constexpr auto fields = std::tuple{field("axis", &Softmax::axis)};
};
} // namespace

extern const OpDef softmax = define<Softmax>(
    {.doc = "exp(x) / sum(exp(x)) along an axis, without overflow",
     .inputs = std::vector<std::string>{"x: float"},
     .type = TypeRule([](TypeContext& c) {
       TypeContext::normalise_axis(c.attrs<Softmax>().axis, c.rank(0));
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::reduction,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           Reduced axis(x.shape(), {TypeContext::normalise_axis(c.attrs<Softmax>().axis, static_cast<int64_t>(x.rank()))}, true);
           DType type = computation_type(x.element());
           Tensor largest = c.reduce("largest", axis.kept(), type, Combine::max, axis.extents(),
                                     [&](Indices i, Indices r) { return widen(x(axis.join(i, r))); });
           Tensor power = c.tensor("power", x.shape(), type,
                                   [&](Indices i) { return call("exp_nonpositive", {widen(x(i)) - largest(axis.project(i))}); });
           Tensor sum = c.reduce("sum", axis.kept(), type, Combine::add, axis.extents(),
                                 [&](Indices i, Indices r) { return power(axis.join(i, r)); });
           c.output(0, [&](Indices i) { return cast(x.element(), power(i) / sum(axis.project(i))); });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 4; },
     .examples = {"softmax([[0.0, 0.0], [1.0, 3.0]]) == [[0.5, 0.5], [0.11920292, 0.88079708]]",
                  "softmax([[0.0, 1000.0], [0.0, 1000.0]], axis=0) == [[0.5, 0.5], [0.5, 0.5]]"}});

} // namespace tw::ops

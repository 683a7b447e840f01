// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_log_sum_exp = define<ReduceAttributes>(
    {.doc = "log(sum(exp(x))) over axes, without overflow",
     .inputs = std::vector<std::string>{"x: float"},
     .type = reduce_type(),
     .fusion = Fusion::reduction,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           auto a = c.attrs<ReduceAttributes>();
           Reduced axes(x.shape(), normalise_axes(a.axes, static_cast<int64_t>(x.rank())), a.keepdims);
           DType type = computation_type(x.element());
           Tensor largest = c.reduce("largest", axes.kept(), type, Combine::max, axes.extents(),
                                     [&](Indices i, Indices r) { return widen(x(axes.join(i, r))); });
           // An infinity may not be subtracted from itself.
           Tensor shift =
               c.tensor("shift", axes.kept(), type, [&](Indices i) { return select(call("isinf", {largest(i)}), zero(type), largest(i)); });
           Tensor total = c.reduce("total", axes.kept(), type, Combine::add, axes.extents(),
                                   [&](Indices i, Indices r) { return call("exp", {widen(x(axes.join(i, r))) - shift(i)}); });
           c.output(0, [&](Indices i) { return cast(x.element(), call("log", {total(i)}) + shift(i)); });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 3; },
     .examples = {"reduce_log_sum_exp([[1000.0, 1000.0]], axes=[1]) == [[1000.69314718]]",
                  "reduce_log_sum_exp([0.0], keepdims=false) == 0.0"}});

} // namespace tw::ops

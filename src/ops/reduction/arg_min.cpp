// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct ArgMin {
  int64_t axis = 0;
  bool keepdims = true, select_last = false;
  static constexpr auto fields =
      std::tuple{field("axis", &ArgMin::axis), field("keepdims", &ArgMin::keepdims), field("select_last", &ArgMin::select_last)};
};
Reduced axis_of(const ArgMin& a, const Shape& shape) {
  return Reduced(shape, {TypeContext::normalise_axis(a.axis, static_cast<int64_t>(shape.size()))}, a.keepdims);
}
} // namespace

extern const OpDef arg_min = define<ArgMin>(
    {.doc = "the index of the smallest element along an axis, the first or (select_last) the last of equals; a NaN is found first",
     .inputs = std::vector<std::string>{"x: number"},
     .type = TypeRule([](TypeContext& c) { return Types{tensor_type(axis_of(c.attrs<ArgMin>(), c.shape(0)).kept(), i64)}; }),
     .fusion = Fusion::reduction,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           auto a = c.attrs<ArgMin>();
           Reduced axis = axis_of(a, x.shape());
           Tensor best = c.reduce("best", axis.kept(), x.element(), Combine::min, axis.extents(),
                                  [&](Indices i, Indices r) { return x(axis.join(i, r)); });
           Combine pick = a.select_last ? Combine::max : Combine::min;
           c.reduce_output(0, pick, axis.extents(), [&](Indices i, Indices r) {
             E value = x(axis.join(i, r)), found = eq(value, best(i));
             if (value->dtype.is_float()) found = found || call("isnan", {value});
             return select(found, r[0], neutral(pick, i64));
           });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 2; },
     .examples = {"arg_min([[1.0, 7.0, 7.0], [5.0, 1.0, 1.0]], axis=1, keepdims=false) == [0, 1]",
                  "arg_min([[1.0, 7.0, 7.0], [5.0, 1.0, 1.0]], axis=1, select_last=true) == [[0], [2]]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct GatherElements {
  int64_t axis = 0;
  static constexpr auto fields = std::tuple{field("axis", &GatherElements::axis)};
};
} // namespace

extern const OpDef gather_elements = define<GatherElements>(
    {.doc = "out[i] is the element of x at i, but along an axis at indices[i]; negative indices count from the end",
     .inputs = std::vector<std::string>{"x: any", "indices: int"},
     .type = TypeRule([](TypeContext& c) {
       auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<GatherElements>().axis, c.rank(0)));
       if (c.rank(1) != c.rank(0)) throw user_error("indices must have the rank {} of x, found {}", c.rank(0), c.rank(1));
       for (size_t d = 0; d < c.shape(0).size(); ++d)
         if (d != axis) c.assume(c.shape(1)[d] <= c.shape(0)[d], fmt::format("indices must not be larger than x in dimension {}", d));
       return Types{tensor_type(c.shape(1), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0), indices = c.input(1);
           auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<GatherElements>().axis, static_cast<int64_t>(x.rank())));
           c.output(0, [&](Indices i) {
             Indices from = i;
             from[axis] = safe_index(indices(i), x.size(axis));
             return x.where(x.size(axis) > imm(0), from);
           });
         },
     .examples = {"gather_elements([[1, 2], [3, 4]], [[0, 0], [1, 0]], axis=1) == [[1, 1], [4, 3]]",
                  "gather_elements([1, 2, 3], [-1, 0]) == [3, 1]"}});

} // namespace tw::ops

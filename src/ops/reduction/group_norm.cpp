// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct GroupNorm {
  double epsilon = 1e-5;
  int64_t groups = 1;
  bool channels_last = false;
  static constexpr auto fields = std::tuple{field("epsilon", &GroupNorm::epsilon), field("groups", &GroupNorm::groups),
                                            field("channels_last", &GroupNorm::channels_last)};
};

Types types(TypeContext& c) {
  if (c.rank(0) < 2) throw user_error("x must have rank 2 or more, found {}", c.rank(0));
  auto a = c.attrs<GroupNorm>();
  int64_t groups = a.groups;
  Ref<Expr> channels = c.shape(0)[a.channels_last ? static_cast<size_t>(c.rank(0)) - 1 : 1];
  if (groups < 1) throw user_error("groups must be at least 1, found {}", groups);
  c.same(channels, floordiv(channels, groups) * groups, "the channels and a multiple of groups");
  for (size_t k = 1; k < 3; ++k) {
    if (c.rank(k) != 1) throw user_error("scale and bias must be vectors, found rank {}", c.rank(k));
    c.same(channels, c.shape(k)[0], "the channels of x and of a parameter");
  }
  return {c.tensor(0)};
}

// Channels of a group and all places are reduced: loops over (sample, group), reductions over (channel within the group, place…).
void compute(Compute& c) {
  auto a = c.attrs<GroupNorm>();
  Tensor x = c.input(0);
  DType type = computation_type(x.element());
  E width = simplified(floordiv(x.size(a.channels_last ? x.rank() - 1 : 1), a.groups));
  if (a.channels_last) return normalise_channels(c, width, a.epsilon);
  Shape kept{x.size(0), imm(a.groups)};
  std::vector<Ref<Expr>> extents{width};
  for (size_t d = 2; d < x.rank(); ++d) extents.push_back(x.size(d));
  auto element = [&](const Indices& i, const Indices& r) {
    Indices at{i[0], i[1] * width + r[0]};
    at.insert(at.end(), r.begin() + 1, r.end());
    return widen(x(at));
  };
  E count = cast(type, element_count(Shape(extents)));
  Tensor total = c.reduce("total", kept, type, Combine::add, Shape(extents), element);
  Tensor mean = c.tensor("mean", kept, type, [&](Indices i) { return total(i) / count; });
  Tensor square = c.reduce("square", kept, type, Combine::add, Shape(extents), [&](Indices i, Indices r) {
    E d = element(i, r) - mean(i);
    return d * d;
  });
  Tensor inverse = c.tensor("inverse", kept, type,
                            [&](Indices i) { return like(square(i), 1) / call("sqrt", {square(i) / count + like(square(i), a.epsilon)}); });
  c.output(0, [&](Indices i) {
    Indices group{i[0], floordiv(i[1], width)};
    E value = (widen(x(i)) - mean(group)) * inverse(group);
    return cast(x.element(), value * widen(c.input(1)({i[1]})) + widen(c.input(2)({i[1]})));
  });
}
} // namespace

extern const OpDef group_norm = define<GroupNorm>(
    {.doc = "like instance_norm, but over groups of neighbouring channels; scale and bias are vectors over the channels (dimension 1; with "
            "channels_last the last)",
     .inputs = std::vector<std::string>{"x: float", "scale: float", "bias: float"},
     .type = TypeRule(types),
     .fusion = Fusion::reduction,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 8; },
     .examples = {"group_norm([[[1.0], [3.0], [2.0], [2.0]]], [2.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.0], groups=2, epsilon=0.0001) == "
                  "[[[-1.9999], [0.99995], [0.5], [0.0]]]"}});

} // namespace tw::ops

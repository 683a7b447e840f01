// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Reshape {
  List<Ref<Expr>> shape;
  static constexpr auto fields = std::tuple{field("shape", &Reshape::shape)};
};

// A size of -1 stands for what the others leave.
Shape resolved(const Reshape& a, const Shape& from) {
  std::vector<Ref<Expr>> out = a.shape.vector();
  std::optional<size_t> open;
  E known = imm(1);
  for (size_t d = 0; d < out.size(); ++d) {
    if (auto size = as_int(out[d]); size && *size < 0) {
      if (*size != -1 || open) throw user_error("sizes must not be negative, but for one -1; found {}", to_string(a.shape));
      open = d;
    } else {
      known = known * out[d];
    }
  }
  if (!open) return a.shape;
  if (is_int(known, 0)) throw user_error("a size of -1 beside a size of 0 has no value, found {}", to_string(a.shape));
  out[*open] = simplified(floordiv(element_count(from), known));
  return Shape(std::move(out));
}

Types types(TypeContext& c) {
  Shape from = c.shape(0), to = resolved(c.attrs<Reshape>(), from);
  E before = simplified(element_count(from)), after = simplified(element_count(to));
  if (surely_different(before, after))
    throw user_error("cannot reshape {} elements of shape {} to {}", to_string(before), to_string(from), to_string(to));
  if (!surely_equal(before, after))
    c.assume(eq(before, after), fmt::format("shapes {} and {} must have as many elements", to_string(from), to_string(to)));
  return {tensor_type(to, c.element(0))};
}

// Both shapes in groups with as many elements, from left to right: within a group the index goes by way of one number. Equal sizes are
// groups of their own, so that what is not reshaped stays a plain index.
Indices source_index(const Shape& from, const Shape& to, const Indices& i) {
  Indices out(from.size(), imm(0));
  size_t f = 0, t = 0;
  while (f < from.size()) {
    if (is_one(from[f])) {
      ++f;
      continue;
    }
    if (t < to.size() && is_one(to[t])) {
      ++t;
      continue;
    }
    size_t f_end = f + 1, t_end = std::min(t + 1, to.size());
    E left = from[f], right = t < to.size() ? to[t] : imm(1);
    while (!surely_equal(left, right)) {
      bool extend_left = f_end < from.size() && (t_end == to.size() || surely_greater(right, left));
      if (!extend_left && t_end == to.size()) break;
      if (extend_left) left = simplified(left * from[f_end++]);
      else right = simplified(right * to[t_end++]);
    }
    if (!surely_equal(left, right)) f_end = from.size(), t_end = to.size();
    Shape sizes(from.begin() + f, from.begin() + f_end), targets(to.begin() + t, to.begin() + t_end);
    Indices within(i.begin() + static_cast<std::ptrdiff_t>(t), i.begin() + static_cast<std::ptrdiff_t>(t_end));
    Indices found = sizes.size() == 1 && within.size() == 1 ? within : unflatten(flatten(within, targets), sizes);
    std::copy(found.begin(), found.end(), out.begin() + static_cast<std::ptrdiff_t>(f));
    f = f_end;
    t = t_end;
  }
  return out;
}
} // namespace

extern const OpDef reshape =
    define<Reshape>({.doc = "the same elements in row-major order with another shape; one size may be -1: what the others leave",
                     .inputs = std::vector<std::string>{"x: any"},
                     .type = TypeRule(types),
                     .fusion = Fusion::injective,
                     .compute =
                         [](Compute& c) {
                           Tensor x = c.input(0);
                           Shape to = c.output(0).shape();
                           c.output(0, [&](Indices i) { return x(source_index(x.shape(), to, i)); });
                         },
                     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
                       if (c.inputs.empty() || !c.inputs[0]) return {};
                       Shape shape = simplified(resolved(c.attrs<Reshape>(), c.inputs[0]->shape));
                       if (!static_shape(shape)) return {};
                       return std::vector<Contents>{{shape, c.inputs[0]->elements}};
                     },
                     .examples = {"reshape([1, 2, 3, 4, 5, 6], shape=[2, -1]) == [[1, 2, 3], [4, 5, 6]]",
                                  "reshape([[1, 2, 3], [4, 5, 6]], shape=[3, 2]) == [[1, 2], [3, 4], [5, 6]]",
                                  "reshape([[[1, 2], [3, 4]]], shape=[2, 1, 2]) == [[[1, 2]], [[3, 4]]]", "reshape([7], shape=[]) == 7",
                                  "reshape(zeros(f32, [0, 3]), shape=[3, 0]) == zeros(f32, [3, 0])"}});

} // namespace tw::ops

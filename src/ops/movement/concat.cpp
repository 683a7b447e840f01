// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Concat {
  int64_t axis = 0;
  bool in_place = false; // each input is computed where the result has it (pass join_in_place): nothing is left to do
  static constexpr auto fields = std::tuple{field("axis", &Concat::axis), field("in_place", &Concat::in_place)};
};

Types types(TypeContext& c) {
  if (c.count() == 0) throw user_error("expected at least one input");
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<Concat>().axis, c.rank(0)));
  std::vector<Ref<Expr>> shape = c.shape(0).vector();
  for (size_t k = 1; k < c.count(); ++k) {
    if (c.element(k) != c.element(0))
      throw user_error("inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(k)));
    if (c.rank(k) != c.rank(0)) throw user_error("inputs must have one rank, found {} and {}", c.rank(0), c.rank(k));
    for (size_t d = 0; d < shape.size(); ++d)
      shape[d] = d == axis ? shape[d] + c.shape(k)[d] : c.same(shape[d], c.shape(k)[d], "sizes beside the axis of a concat");
  }
  shape[axis] = simplified(shape[axis]);
  return {tensor_type(Shape(std::move(shape)), c.element(0))};
}

void compute(Compute& c) {
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<Concat>().axis, static_cast<int64_t>(c.input(0).rank())));
  c.output(0, [&](Indices i) {
    E begin = imm(0);
    std::vector<std::pair<E, E>> parts; // the part's value, and whether the index is before its end
    for (size_t k = 0; k < c.input_count(); ++k) {
      Tensor x = c.input(k);
      E end = simplified(begin + x.size(axis));
      Indices at = i;
      at[axis] = i[axis] - begin;
      bool first = k == 0, last = k + 1 == c.input_count();
      E after = first ? imm(1, boolean) : i[axis] >= begin, before = last ? imm(1, boolean) : i[axis] < end;
      parts.emplace_back(x.where(after && before, at), before);
      begin = end;
    }
    E value = parts.back().first;
    for (size_t k = parts.size() - 1; k-- > 0;) value = select(parts[k].second, parts[k].first, value);
    return value;
  });
}

std::optional<std::vector<Contents>> fold(FoldContext& c) {
  Contents out;
  for (const Contents* x : c.inputs) {
    if (!x || x->shape.size() != 1) return {};
    out.elements.insert(out.elements.end(), x->elements.begin(), x->elements.end());
  }
  out.shape = shape_of({static_cast<int64_t>(out.elements.size())});
  return std::vector<Contents>{std::move(out)};
}
} // namespace

extern const OpDef concat = define<Concat>(
    {.doc = "the inputs one after the other along an axis",
     .inputs = std::vector<std::string>{"values*: any"},
     .type = TypeRule(types),
     .fusion = Fusion::injective,
     .layout = Layout::axis,
     .compute = compute,
     .fold = fold,
     .examples = {"concat([1, 2], [3], [4, 5]) == [1, 2, 3, 4, 5]",
                  "concat([[1], [2]], [[3, 4], [5, 6]], axis=1) == [[1, 3, 4], [2, 5, 6]]", "concat(zeros(i64, [0]), [3]) == [3]"}});

} // namespace tw::ops

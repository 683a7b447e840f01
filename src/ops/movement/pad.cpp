// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Pad {
  List<Ref<Expr>> begin, end;
  Name mode = "constant";
  static constexpr auto fields = std::tuple{field("begin", &Pad::begin), field("end", &Pad::end), field("mode", &Pad::mode)};
};

Types types(TypeContext& c) {
  auto a = c.attrs<Pad>();
  Shape x = c.shape(0);
  if (a.begin.size() != x.size() || a.end.size() != x.size())
    throw user_error("begin and end must have {} entries, found {} and {}", x.size(), a.begin.size(), a.end.size());
  if (a.mode != "constant" && a.mode != "reflect" && a.mode != "edge" && a.mode != "wrap")
    throw user_error("mode must be constant, reflect, edge or wrap, found '{}'", a.mode.str());
  if (c.has(1) && c.element(1) != c.element(0))
    throw user_error("the value must have the element type {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(1)));
  if (c.has(1) && (c.rank(1) > 1 || (c.rank(1) == 1 && !is_int(c.shape(1)[0], 1))))
    throw user_error("the value must be a scalar, found rank {}", c.rank(1));
  std::vector<Ref<Expr>> shape;
  for (size_t d = 0; d < x.size(); ++d) {
    E size = simplified(x[d] + a.begin[d] + a.end[d]);
    c.assume(size >= imm(0), fmt::format("dimension {} must not become negative, found {}", d, to_string(size)));
    E kept = simplified(eq(a.begin[d], imm(0)) && eq(a.end[d], imm(0)));
    if (a.mode != "constant")
      c.assume(simplified(E(x[d]) > imm(0) || kept), fmt::format("mode {} needs elements in dimension {}", a.mode.str(), d));
    shape.push_back(size);
  }
  return {tensor_type(Shape(std::move(shape)), c.element(0))};
}

// Where a place outside takes its value from. What is a line in parts lets the schedule cut loops where the parts meet.
E folded(const Name& mode, const E& i, const E& size, const E& begin, const E& end) {
  auto in_parts = [&](const E& before, const E& behind) { return select(i < imm(0), before, select(i < size, i, behind)); };
  if (mode == "edge") return in_parts(imm(0), size - 1);
  bool once = surely_at_most(begin, simplified(size - 1)) && surely_at_most(end, simplified(size - 1));
  if (mode == "reflect" && once) return in_parts(imm(0) - i, size * 2 - 2 - i);
  if (mode == "wrap") return floormod(i, size);
  E period = max(imm(1), size * 2 - 2), within = floormod(i, period);
  return select(within < size, within, period - within);
}

void compute(Compute& c) {
  auto a = c.attrs<Pad>();
  Tensor x = c.input(0);
  E fill = c.has(1) ? c.input(1)(Indices(c.input(1).rank(), imm(0))) : zero(x.element());
  c.output(0, [&](Indices i) {
    E valid = imm(1, boolean);
    for (size_t d = 0; d < i.size(); ++d) {
      if (is_int(a.begin[d], 0) && is_int(a.end[d], 0)) continue;
      i[d] = i[d] - a.begin[d];
      if (a.mode != "constant") i[d] = folded(a.mode, i[d], x.size(d), a.begin[d], a.end[d]);
      else valid = valid && inside(i[d], x.size(d));
    }
    return select(valid, x.where(valid, i), fill);
  });
}
} // namespace

extern const OpDef pad = define<Pad>(
    {.doc = "x with elements added before and after in each dimension (negative: taken away): a value (default 0), mirrored (reflect), the "
            "outermost (edge), or from the other side (wrap)",
     .inputs = std::vector<std::string>{"x: any", "value?: any"},
     .type = TypeRule(types),
     .fusion = Fusion::injective,
     .compute = compute,
     .examples = {"pad([1, 2], begin=[1], end=[2]) == [0, 1, 2, 0, 0]", "pad([1.0, 2.0], 9.0, begin=[1], end=[0]) == [9.0, 1.0, 2.0]",
                  "pad([1, 2, 3], begin=[2], end=[1], mode=\"reflect\") == [3, 2, 1, 2, 3, 2]",
                  "pad([1, 2], begin=[1], end=[1], mode=\"edge\") == [1, 1, 2, 2]",
                  "pad([1, 2, 3], begin=[1], end=[1], mode=\"wrap\") == [3, 1, 2, 3, 1]",
                  "pad([1, 2, 3], begin=[-1], end=[1]) == [2, 3, 0]", "pad(zeros(i64, [0]), 4, begin=[1], end=[0]) == [4]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct CumulativeSum {
  int64_t axis = 0;
  bool exclusive = false, reverse = false;
  static constexpr auto fields = std::tuple{field("axis", &CumulativeSum::axis), field("exclusive", &CumulativeSum::exclusive),
                                            field("reverse", &CumulativeSum::reverse)};
};

void compute(Compute& c) {
  auto a = c.attrs<CumulativeSum>();
  Tensor x = c.input(0), out = c.output(0);
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
  DType type = computation_type(x.element());
  std::vector<Ref<Expr>> others = x.shape().vector();
  Ref<Expr> length = others[axis];
  others[axis] = imm(1);
  // One running total for each row, so that rows are independent.
  Tensor total = c.scratch("total", Shape(others), type);
  auto row = [&](const Indices& i) {
    auto step = [&](const Ref<Expr>& n) {
      Indices at = i;
      at[axis] = a.reverse ? length - 1 - n : n;
      Ref<Expr> sum = total(i) + widen(x(at));
      Ref<Stmt> write = put(out, at, tw::cast(x.element(), a.exclusive ? total(i) : sum));
      return let("next", sum, [&](const Ref<Expr>& next) { return seq({write, put(total, i, next)}); });
    };
    return seq({put(total, i, zero(type)), loop(length, step)});
  };
  c.raw(loops(Shape(others), row, ForKind::parallel));
}
} // namespace

extern const OpDef cumulative_sum = define<CumulativeSum>(
    {.doc = "running sums along an axis; exclusive: without the element itself; reverse: from the end",
     .inputs = std::vector<std::string>{"x: number"},
     .type = TypeRule([](TypeContext& c) {
       TypeContext::normalise_axis(c.attrs<CumulativeSum>().axis, c.rank(0));
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::opaque,
     .layout = Layout::axis,
     .compute = compute,
     .examples = {"cumulative_sum([1.0, 2.0, 3.0]) == [1.0, 3.0, 6.0]", "cumulative_sum([1, 2, 3], exclusive=true) == [0, 1, 3]",
                  "cumulative_sum([[1, 2], [3, 4]], axis=1, reverse=true) == [[3, 2], [7, 4]]"}});

} // namespace tw::ops

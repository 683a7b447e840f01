// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct Compress {
  Opt<Expr> count;
  int64_t axis = 0;
  static constexpr auto fields = std::tuple{field("count", &Compress::count), field("axis", &Compress::axis)};
};

void compute(Compute& c) {
  auto a = c.attrs<Compress>();
  Tensor x = c.input(0), condition = c.input(1), out = c.output(0);
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
  E count = as_ref<Expr>(a.count);
  Tensor picked = c.tensor("picked", {count}, i64, [](const Indices&) { return imm(0); }), next = c.scratch("next", {}, i64);
  c.raw(put(next, {}, imm(0)));
  c.raw(loop(min(condition.size(0), x.size(axis)), [&](const E& i) {
    return when(condition({i}) && next({}) < count, seq({put(picked, {next({})}, i), put(next, {}, next({}) + 1)}));
  }));
  c.output(0, [&](Indices i) {
    i[axis] = picked({i[axis]});
    return x.where(x.size(axis) > imm(0), i);
  });
}
} // namespace

extern const OpDef compress = define<Compress>(
    {.doc = "the slices of x along an axis where the condition holds; count says how many there are (count_nonzero of the condition)",
     .inputs = std::vector<std::string>{"x: any", "condition: bool"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<Compress>();
       auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, c.rank(0)));
       if (!a.count) throw user_error("count is missing");
       if (c.rank(1) != 1) throw user_error("the condition must be a vector, found rank {}", c.rank(1));
       c.assume(as_ref<Expr>(a.count) >= imm(0), "count must not be negative");
       std::vector<Ref<Expr>> shape = c.shape(0).vector();
       shape[axis] = as_ref<Expr>(a.count);
       return Types{tensor_type(Shape(std::move(shape)), c.element(0))};
     }),
     .fusion = Fusion::opaque,
     .compute = compute,
     .examples = {"compress([[1, 2], [3, 4], [5, 6]], [true, false, true], count=2) == [[1, 2], [5, 6]]",
                  "compress([[1, 2], [3, 4]], [false, true], axis=1, count=1) == [[2], [4]]"}});

} // namespace tw::ops

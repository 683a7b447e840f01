// SPDX-License-Identifier: Apache-2.0
#include "ops/running.h"
#include "ops/elementwise.h"
#include "ops/loops.h"

namespace tw::ops {

template <Combine how> void compute_running(Compute& c) {
  auto a = c.attrs<Running>();
  Tensor x = c.input(0), out = c.output(0);
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
  DType type = computation_type(x.element());
  std::vector<Ref<Expr>> others = x.shape().vector();
  Ref<Expr> length = others[axis];
  others[axis] = imm(1);
  // One running value for each row, so that rows are independent.
  Tensor total = c.scratch("total", Shape(others), type);
  auto row = [&](const Indices& i) {
    auto step = [&](const Ref<Expr>& n) {
      Indices at = i;
      at[axis] = a.reverse ? length - 1 - n : n;
      Ref<Expr> next_total = how == Combine::add ? total(i) + widen(x(at)) : total(i) * widen(x(at));
      Ref<Stmt> write = put(out, at, tw::cast(x.element(), a.exclusive ? total(i) : next_total));
      return let("next", next_total, [&](const Ref<Expr>& next) { return seq({write, put(total, i, next)}); });
    };
    return seq({put(total, i, how == Combine::add ? zero(type) : tw::literal(1, type)), loop(length, step)});
  };
  c.raw(loops(Shape(others), row, ForKind::parallel));
}

template void compute_running<Combine::add>(Compute& c);
template void compute_running<Combine::mul>(Compute& c);

} // namespace tw::ops

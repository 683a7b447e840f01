// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct TopK {
  Opt<Expr> k;
  int64_t axis = -1;
  bool largest = true;
  static constexpr auto fields = std::tuple{field("k", &TopK::k), field("axis", &TopK::axis), field("largest", &TopK::largest)};
};

// Insertion into the sorted best so far, directly in the outputs: an element sinks while it beats the one before; equals keep their order.
void compute(Compute& c) {
  auto a = c.attrs<TopK>();
  Tensor x = c.input(0), values = c.output(0), indices = c.output(1);
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
  std::vector<Ref<Expr>> others = x.shape().vector();
  E length = others[axis], k = as_ref<Expr>(a.k);
  others[axis] = imm(1);
  Tensor slot = c.scratch("slot", Shape(others), i64);
  auto beats = [&](const E& p, const E& q) {
    E better = a.largest ? p > q : p < q;
    if (!p->dtype.is_float()) return better;
    E p_nan = call("isnan", {p}), q_nan = call("isnan", {q});
    return a.largest ? better || (p_nan && !q_nan) : better || (q_nan && !p_nan);
  };
  auto row = [&](const Indices& i) {
    auto at = [&](const E& n) {
      Indices to = i;
      to[axis] = n;
      return to;
    };
    auto insert = [&](const E& n) {
      E before = max(slot(i) - 1, imm(0));
      Ref<Stmt> shift = seq({put(values, at(slot(i)), values(at(slot(i) - 1))), put(indices, at(slot(i)), indices(at(slot(i) - 1))),
                             put(slot, i, slot(i) - 1)});
      // Loads inside a condition are not guarded by the rest of it: place 0 always exists and is written once n > 0.
      Ref<Stmt> sink = make(While{.cond = slot(i) > imm(0) && beats(x(at(n)), values(at(before))), .body = shift});
      Ref<Stmt> write = seq({put(values, at(slot(i)), x(at(n))), put(indices, at(slot(i)), n)});
      Ref<Stmt> enter = make(If{.cond = n > imm(0), .then = seq({sink, write}), .otherwise = write});
      // A full list drops its last, if that is beaten.
      Ref<Stmt> full = when(beats(x(at(n)), values(at(max(k - 1, imm(0))))), seq({put(slot, i, k - 1), enter}));
      return make(If{.cond = n < k, .then = seq({put(slot, i, n), enter}), .otherwise = full});
    };
    return when(k > imm(0), loop(length, insert));
  };
  c.raw(loops(Shape(others), row, ForKind::parallel));
}
} // namespace

extern const OpDef top_k = define<TopK>(
    {.doc = "the k largest (or smallest) elements along an axis, sorted, and their indices; of equals the first comes first; NaN counts as "
            "largest",
     .inputs = std::vector<std::string>{"x: number"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<TopK>();
       auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, c.rank(0)));
       if (!a.k) throw user_error("k is missing");
       std::vector<Ref<Expr>> shape = c.shape(0).vector();
       E k = as_ref<Expr>(a.k);
       c.assume(k >= imm(0) && k <= shape[axis], "k must be between 0 and the size of the axis");
       shape[axis] = k;
       return Types{tensor_type(Shape(shape), c.element(0)), tensor_type(Shape(shape), i64)};
     }),
     .fusion = Fusion::opaque,
     .compute = compute,
     .examples = {"top_k([3.0, 1.0, 4.0, 1.0, 5.0], k=3) == ([5.0, 4.0, 3.0], [4, 2, 0])",
                  "top_k([3, 1, 4, 1], k=2, largest=false) == ([1, 1], [1, 3])",
                  "top_k([[1, 2], [4, 3]], k=1, axis=0) == ([[4, 3]], [[1, 1]])"},
     .outputs = 2});

} // namespace tw::ops

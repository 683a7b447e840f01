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

// A binary heap of the best so far, directly in the outputs, the worst of them at its top (Williams, Algorithm 232, 1964): an element
// enters if it beats that one. At the end the worst goes to the last place, again and again, which leaves the best first. Of equals the
// later is the worse, so the order is total. n elements take n log k steps at most, and little more than n comparisons where few enter.
class Selection {
public:
  Selection(Compute& c, const TopK& a)
      : largest_(a.largest), axis_(static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(c.input(0).rank())))),
        x_(c.input(0)), values_(c.output(0)), indices_(c.output(1)), length_(x_.size(axis_)), k_(as_ref<Expr>(a.k)),
        slot_(c.scratch("slot", others(), i64)) {}

  // Sizes of the other axes: one selection for each index of them.
  Shape others() const {
    std::vector<Ref<Expr>> shape = x_.shape().vector();
    shape[axis_] = imm(1);
    return Shape(std::move(shape));
  }

  Ref<Stmt> select_at(const Indices& i) {
    row_ = i;
    Ref<Stmt> fill = loop(k_, [&](const E& n) { return seq({put(values_, at(n), x_(at(n))), put(indices_, at(n), n)}); });
    E half = floordiv(k_, 2);
    Ref<Stmt> order = loop(half, [&](const E& n) { return sift(half - 1 - n, k_); });
    Ref<Stmt> rest = loop(max(length_ - k_, imm(0)), [&](const E& m) {
      E n = m + k_;
      Ref<Stmt> enter = seq({put(values_, at(imm(0)), x_(at(n))), put(indices_, at(imm(0)), n), sift(imm(0), k_)});
      // One comparison, which what is no number passes, turns nearly all away.
      E value = x_(at(n)), worst = values_(at(imm(0)));
      E passes = value->dtype.is_float() ? !(largest_ ? value <= worst : value >= worst) : beats(value, worst);
      return when(passes, when(beats(value, worst), enter));
    });
    Ref<Stmt> sort = loop(k_ - 1, [&](const E& n) { return seq({exchange(imm(0), k_ - 1 - n), sift(imm(0), k_ - 1 - n)}); });
    return when(k_ > imm(0), seq({fill, order, rest, sort}));
  }

private:
  Indices at(const E& n) const {
    Indices to = row_;
    to[axis_] = n;
    return to;
  }
  E beats(const E& p, const E& q) const {
    E better = largest_ ? p > q : p < q;
    if (!p->dtype.is_float()) return better;
    E p_nan = call("isnan", {p}), q_nan = call("isnan", {q});
    return largest_ ? better || (p_nan && !q_nan) : better || (q_nan && !p_nan);
  }
  // Is the element at place p of the heap worse than that at q?
  E loses(const E& p, const E& q) const {
    E v = values_(at(p)), w = values_(at(q));
    return beats(w, v) || (!beats(v, w) && indices_(at(p)) > indices_(at(q)));
  }
  Ref<Stmt> exchange(const E& p, const E& q) const {
    return let("value", values_(at(p)), [&](const E& value) {
      return let("index", indices_(at(p)), [&](const E& index) {
        return seq({put(values_, at(p), values_(at(q))), put(indices_, at(p), indices_(at(q))), put(values_, at(q), value),
                    put(indices_, at(q), index)});
      });
    });
  }
  // The element at `begin` sinks below those that are worse, in a heap of `size` elements.
  Ref<Stmt> sift(const E& begin, const E& size) const {
    E here = slot_(row_);
    Ref<Stmt> sink = let("child", here * 2 + 1, [&](const E& child) {
      // Loads are not guarded by the condition beside them: the place is one of the heap's.
      E other = min(child + 1, size - 1);
      return let("worst", select(loses(other, child), other, child), [&](const E& worst) {
        Ref<Stmt> down = seq({exchange(worst, here), put(slot_, row_, worst)});
        return make(If{.cond = loses(worst, here), .then = down, .otherwise = put(slot_, row_, size)});
      });
    });
    return seq({put(slot_, row_, begin), make(While{.cond = here * 2 + 1 < size, .body = sink})});
  }

  bool largest_;
  size_t axis_;
  Tensor x_, values_, indices_;
  E length_, k_;
  Tensor slot_;
  Indices row_;
};

void compute(Compute& c) {
  Selection selection(c, c.attrs<TopK>());
  c.raw(loops(
      selection.others(), [&](const Indices& i) { return selection.select_at(i); }, ForKind::parallel));
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

// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct TreeEnsemble {
  int64_t targets = 1;
  Name aggregate = "sum";
  static constexpr auto fields = std::tuple{field("targets", &TreeEnsemble::targets), field("aggregate", &TreeEnsemble::aggregate)};
};

// The inputs, in order: data, then the nodes of all trees side by side, then the leaves' entries.
enum Input : size_t {
  data,
  roots,
  feature,
  threshold,
  mode,
  when_true,
  when_false,
  missing_true,
  leaf_begin,
  leaf_end,
  target,
  weight,
  base
};

Types types(TypeContext& c) {
  auto a = c.attrs<TreeEnsemble>();
  if (a.targets < 1) throw user_error("targets must be at least 1, found {}", a.targets);
  if (a.aggregate != "sum" && a.aggregate != "average" && a.aggregate != "min" && a.aggregate != "max")
    throw user_error("aggregate must be sum, average, min or max, found '{}'", a.aggregate.str());
  if (c.rank(data) != 2) throw user_error("x must have rank 2, found {}", c.rank(data));
  for (size_t k = roots; k <= weight; ++k)
    if (c.rank(k) != 1) throw user_error("input {} must be a vector, found rank {}", k, c.rank(k));
  for (size_t k = threshold; k <= leaf_end; ++k) c.same(c.shape(feature)[0], c.shape(k)[0], "the numbers of nodes");
  c.same(c.shape(target)[0], c.shape(weight)[0], "the numbers of leaf entries");
  if (c.has(base)) {
    if (c.rank(base) != 1) throw user_error("the base must be a vector, found rank {}", c.rank(base));
    c.same(c.shape(base)[0], imm(a.targets), "the base and the targets");
  }
  return {tensor_type({c.shape(data)[0], imm(a.targets)}, c.element(weight))};
}

class Forest {
public:
  Forest(Compute& c, const TreeEnsemble& a)
      : c_(c), a_(a), out_(c.output(0)), node_(c.scratch("node", {rows()}, i64)), depth_(c.scratch("depth", {rows()}, i64)),
        met_(c.scratch("met", {rows(), imm(a.targets)}, boolean)) {}

  void emit() {
    if (is_int(nodes(), 0)) {
      c_.output(0, [&](Indices i) { return base_at(i[1]); });
      return;
    }
    c_.raw(loop(
        rows(), [&](const E& row) { return sample(row); }, ForKind::parallel));
  }

private:
  E rows() const { return c_.input(data).size(0); }
  E nodes() const { return c_.input(feature).size(0); }
  bool sums() const { return a_.aggregate == "sum" || a_.aggregate == "average"; }
  E base_at(const E& k) const { return c_.has(base) ? c_.input(base)({k}) : zero(out_.element()); }
  E at(Input k) const { return c_.input(k)({current_}); }

  Ref<Stmt> sample(const E& row) {
    Ref<Stmt> begin = loop(imm(a_.targets), [&](const E& k) {
      return seq({put(out_, {row, k}, sums() ? base_at(k) : zero(out_.element())), put(met_, {row, k}, imm(0, boolean))});
    });
    Ref<Stmt> trees = loop(c_.input(roots).size(0), [&](const E& tree) { return walk(row, tree); });
    std::vector<Ref<Stmt>> parts{begin, trees};
    if (a_.aggregate == "average") {
      E count = cast(out_.element(), max(c_.input(roots).size(0), imm(1)));
      parts.push_back(loop(imm(a_.targets), [&](const E& k) {
        return put(out_, {row, k}, (out_({row, k}) - base_at(k)) / count + base_at(k));
      }));
    }
    if (!sums()) parts.push_back(loop(imm(a_.targets), [&](const E& k) { return put(out_, {row, k}, out_({row, k}) + base_at(k)); }));
    return seq(std::move(parts));
  }

  // Nodes are limited to those that exist and steps to their number: a damaged forest gives wrong numbers, but it ends.
  E existing(const E& n) const { return max(imm(0), min(n, nodes() - 1)); }
  Ref<Stmt> walk(const E& row, const E& tree) {
    current_ = node_({row});
    E features = c_.input(data).size(1), column = at(feature);
    E value = c_.input(data).where(inside(column, features), {row, column});
    value = cast(c_.input(threshold).element(), value);
    E limit = at(threshold), how = at(mode);
    E holds = select(eq(how, imm(1)), value <= limit,
                     select(eq(how, imm(2)), value < limit,
                            select(eq(how, imm(3)), value >= limit,
                                   select(eq(how, imm(4)), value > limit, select(eq(how, imm(5)), eq(value, limit), ne(value, limit))))));
    if (value->dtype.is_float()) holds = holds || (call("isnan", {value}) && at(missing_true));
    Ref<Stmt> down =
        seq({put(node_, {row}, existing(select(holds, at(when_true), at(when_false)))), put(depth_, {row}, depth_({row}) + 1)});
    E inner = ne(how, imm(0)) && depth_({row}) < nodes();
    E begin = at(leaf_begin), count = max(imm(0), at(leaf_end) - begin);
    Ref<Stmt> leaf = loop(count, [&](const E& n) { return entry(row, begin + n); });
    return seq(
        {put(node_, {row}, existing(c_.input(roots)({tree}))), put(depth_, {row}, imm(0)), make(While{.cond = inner, .body = down}), leaf});
  }

  Ref<Stmt> entry(const E& row, const E& n) {
    const E& entries = c_.input(target).size(0);
    E k = c_.input(target).where(inside(n, entries), {n}), w = c_.input(weight).where(inside(n, entries), {n});
    return when(inside(n, entries) && inside(k, imm(a_.targets)), let("k", k, [&](const E& to) {
                  E old = out_({row, to});
                  E chosen = sums() ? old + w : select(met_({row, to}), a_.aggregate == "min" ? tw::min(old, w) : tw::max(old, w), w);
                  return seq({put(out_, {row, to}, chosen), put(met_, {row, to}, imm(1, boolean))});
                }));
  }

  Compute& c_;
  const TreeEnsemble& a_;
  Tensor out_, node_, depth_, met_;
  E current_ = imm(0);
};
} // namespace

extern const OpDef tree_ensemble =
    define<TreeEnsemble>({.doc = "Decision trees, for regressors and classifiers. Each sample goes from each root to a leaf: at a node by "
                                 "comparing its feature with "
                                 "the threshold (mode 0 leaf, 1 <=, 2 <, 3 >=, 4 >, 5 ==, 6 !=; NaN by missing_true). The entries "
                                 "leaf_begin … leaf_end of the leaf "
                                 "give (target, weight); weights of a target are aggregated over the trees and the base is added",
                          .inputs = std::vector<std::string>{"x: number", "roots: i64", "feature: i64", "threshold: float", "mode: i64",
                                                             "when_true: i64", "when_false: i64", "missing_true: bool", "leaf_begin: i64",
                                                             "leaf_end: i64", "target: i64", "weight: float", "base?: float"},
                          .type = TypeRule(types),
                          .fusion = Fusion::opaque,
                          .compute =
                              [](Compute& c) {
                                auto a = c.attrs<TreeEnsemble>();
                                Forest(c, a).emit();
                              },
                          .flops = [](TypeContext& c) { return c.shape(data)[0] * c.shape(roots)[0] * 16; },
                          .examples = {"tree_ensemble([[1.0, 5.0], [3.0, 5.0]], [0], [0, 0, 0], [2.0, 0.0, 0.0], [1, 0, 0], [1, 0, 0], [2, "
                                       "0, 0], [false, false, false], [0, 0, 1], [0, 1, 2], "
                                       "[0, 0], [10.0, 20.0], [0.5]) == [[10.5], [20.5]]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
// Forests. A walk from a root to a leaf waits for one load after another; so a sample walks down many trees at once, one in each lane of a
// vector, or as many samples down one tree, all by as many steps as the deepest leaf needs: a leaf is its own child. Tables are 32 bits
// wide, since a gather takes twice as many of those as of 64.
#include "ops/elementwise.h"
#include "ops/loops.h"
#include "ops/sizes.h"
#include "ops/trees.h"

namespace tw::ops {

namespace {
struct TreeEnsemble {
  int64_t targets = 1, levels = 0;
  Name aggregate = "sum", comparison = "mixed";
  static constexpr auto fields = std::tuple{field("targets", &TreeEnsemble::targets), field("levels", &TreeEnsemble::levels),
                                            field("aggregate", &TreeEnsemble::aggregate), field("comparison", &TreeEnsemble::comparison)};
};

// The inputs, in order: data, then the nodes of all trees side by side, then the leaves' entries.
enum Input : size_t { data, roots, feature, threshold, children, leaf_begin, leaf_end, target, weight, mode, missing_true, base };

constexpr int64_t most_nodes = int64_t{1} << 30; // so that places of children have 31 bits

Types types(TypeContext& c) {
  auto a = c.attrs<TreeEnsemble>();
  if (a.targets < 1) throw user_error("targets must be at least 1, found {}", a.targets);
  if (a.levels < 0) throw user_error("levels must not be negative, found {}", a.levels);
  if (a.aggregate != "sum" && a.aggregate != "average" && a.aggregate != "min" && a.aggregate != "max")
    throw user_error("aggregate must be sum, average, min or max, found '{}'", a.aggregate.str());
  bool known = a.comparison == "mixed";
  for (const char* name : tree_comparisons) known = known || (a.comparison == name && a.comparison != "leaf");
  if (!known) throw user_error("comparison must be le, lt, ge, gt, eq, ne or mixed, found '{}'", a.comparison.str());
  if (a.comparison == "mixed" && !c.has(mode)) throw user_error("comparison mixed needs the nodes' modes");
  if (c.rank(data) != 2) throw user_error("x must have rank 2, found {}", c.rank(data));
  for (size_t k = roots; k <= missing_true; ++k)
    if (c.has(k) && c.rank(k) != 1) throw user_error("input {} must be a vector, found rank {}", k, c.rank(k));
  const E& nodes = c.shape(feature)[0];
  for (size_t k : {threshold, leaf_begin, leaf_end, mode, missing_true})
    if (c.has(k)) c.same(nodes, c.shape(k)[0], "the numbers of nodes");
  c.same(nodes * 2, c.shape(children)[0], "two for each node and the children");
  c.assume(nodes <= imm(most_nodes), "a forest has at most 2^30 nodes");
  if (c.has(target)) c.same(c.shape(target)[0], c.shape(weight)[0], "the numbers of leaf entries");
  else if (c.has(leaf_begin) || a.targets != 1 || (a.aggregate != "sum" && a.aggregate != "average"))
    throw user_error("weights without targets are one for each node, of a single target that is a sum or an average");
  if (c.has(leaf_begin) != c.has(leaf_end)) throw user_error("expected both leaf_begin and leaf_end or neither");
  if (!c.has(leaf_begin)) c.same(nodes, c.shape(weight)[0], "the numbers of nodes and of their weights");
  if (c.has(base)) {
    if (c.rank(base) != 1) throw user_error("the base must be a vector, found rank {}", c.rank(base));
    c.same(c.shape(base)[0], imm(a.targets), "the base and the targets");
  }
  return {tensor_type({c.shape(data)[0], imm(a.targets)}, c.element(weight))};
}

constexpr int64_t most_lanes = 64;

class Forest {
public:
  Forest(Compute& c, const TreeEnsemble& a)
      : c_(c), a_(a), out_(c.output(0)), node_(c.scratch("node", {rows(), imm(most_lanes)}, i32)),
        met_(c.scratch("met", {rows(), imm(a.targets)}, boolean)) {}

  void emit() {
    if (is_int(nodes(), 0)) {
      c_.output(0, [&](Indices i) { return base_at(i[1]); });
      return;
    }
    // Whole vectors of samples, which share a tree's nodes; what is left, sample by sample.
    E blocks = simplified(floordiv(rows(), most_lanes));
    c_.raw(loop(
        rows() - blocks * (most_lanes - 1),
        [&](const E& i) -> Ref<Stmt> {
          if (is_int(blocks, 0)) return sample(i);
          return make(If{.cond = i < blocks, .then = block(i * most_lanes), .otherwise = sample(i + blocks * (most_lanes - 1))});
        },
        ForKind::parallel));
  }

private:
  E rows() const { return c_.input(data).size(0); }
  E nodes() const { return c_.input(feature).size(0); }
  E trees() const { return c_.input(roots).size(0); }
  bool sums() const { return a_.aggregate == "sum" || a_.aggregate == "average"; }
  E base_at(const E& k) const { return c_.has(base) ? c_.input(base)({k}) : zero(out_.element()); }

  Ref<Stmt> begin(const E& row) {
    return loop(imm(a_.targets), [&](const E& k) {
      return seq({put(out_, {row, k}, sums() ? base_at(k) : zero(out_.element())), put(met_, {row, k}, imm(0, boolean))});
    });
  }
  Ref<Stmt> end(const E& row) {
    if (a_.aggregate == "sum") return seq({});
    E count = cast(out_.element(), max(trees(), imm(1)));
    return loop(imm(a_.targets), [&](const E& k) {
      E found = out_({row, k});
      return put(out_, {row, k}, sums() ? (found - base_at(k)) / count + base_at(k) : found + base_at(k));
    });
  }

  // A sample, its trees in lanes.
  Ref<Stmt> sample(const E& row) {
    auto walk_from = [&](const E& first, int64_t lanes) {
      return seq({walk(
                      row, lanes, [&](const E&) { return row; }, [&](const E& lane) { return first + lane; }),
                  c_.has(target) ? entries(row, lanes, [&](const E&) { return row; }) : sum_of_lanes(row, lanes)});
    };
    std::vector<Ref<Stmt>> parts{begin(row)};
    // Blocks of trees, then halves of a block as long as trees are left, whose number may be known only in the run.
    parts.push_back(loop(floordiv(trees(), most_lanes), [&](const E& block) { return walk_from(block * most_lanes, most_lanes); }));
    for (int64_t lanes = most_lanes / 2; lanes > 0; lanes /= 2)
      parts.push_back(when(floormod(floordiv(trees(), lanes), 2) > imm(0), walk_from(floordiv(trees(), 2 * lanes) * (2 * lanes), lanes)));
    parts.push_back(end(row));
    return seq(std::move(parts));
  }

  // Samples in lanes, tree by tree.
  Ref<Stmt> block(const E& first) {
    auto each = [&](auto&& body) { return loop(imm(most_lanes), [&](const E& lane) { return body(first + lane); }); };
    auto row = [&](const E& lane) { return first + lane; };
    Ref<Stmt> walks = loop(trees(), [&](const E& tree) {
      return seq({walk(first, most_lanes, row, [&](const E&) { return tree; }),
                  c_.has(target) ? entries(first, most_lanes, row) : sum_in_lanes(first)});
    });
    return seq({each([&](const E& row) { return begin(row); }), walks, each([&](const E& row) { return end(row); })});
  }

  // Nodes are limited to those that exist: a damaged forest gives wrong numbers, but it reads nothing else.
  E existing(const E& n) const { return max(imm(0, i32), min(n, cast(i32, nodes() - 1))); }

  E compared(const Name& how, const E& value, const E& limit) const {
    if (how == "le") return value <= limit;
    if (how == "lt") return value < limit;
    if (how == "ge") return value >= limit;
    if (how == "gt") return value > limit;
    return how == "eq" ? eq(value, limit) : ne(value, limit);
  }

  // Does the sample go to a node's first child?
  E holds(const E& row, const E& node) const {
    E features = c_.input(data).size(1), column = cast(i64, c_.input(feature)({node})), limit = c_.input(threshold)({node});
    E value = cast(limit->dtype, c_.input(data).where(inside(column, features), {row, column}));
    E result = imm(0, boolean);
    if (a_.comparison != "mixed") {
      result = compared(a_.comparison, value, limit);
    } else {
      E how = c_.input(mode)({node});
      for (int64_t k = std::size(tree_comparisons); k-- > 1;)
        result = select(eq(how, imm(k, i32)), compared(tree_comparisons[k], value, limit), result);
    }
    if (!c_.has(missing_true) || !value->dtype.is_float()) return result;
    return result || (call("isnan", {value}) && ne(c_.input(missing_true)({node}), imm(0, i32)));
  }

  // Each lane's sample down its tree. `place`: of the scratch.
  using OfLane = std::function<E(const E& lane)>;
  Ref<Stmt> walk(const E& place, int64_t count, const OfLane& row, const OfLane& tree) {
    auto lanes = [&](const std::function<Ref<Stmt>(const E&)>& body) {
      return count == 1 ? body(imm(0)) : loop(imm(count), body, ForKind::vectorised);
    };
    E two = imm(2, i32);
    Ref<Stmt> begin = lanes([&](const E& lane) { return put(node_, {place, lane}, existing(c_.input(roots)({tree(lane)}))); });
    Ref<Stmt> steps = loop(imm(a_.levels), [&](const E&) {
      return lanes([&](const E& lane) {
        E side = select(holds(row(lane), reached(place, lane)), imm(0, i32), imm(1, i32));
        return put(node_, {place, lane}, existing(c_.input(children)({cast(i64, node_({place, lane}) * two + side)})));
      });
    });
    return seq({begin, steps});
  }

  E reached(const E& place, const E& lane) const { return cast(i64, node_({place, lane})); }
  E weight_of(const E& place, const E& lane) const { return c_.input(weight)({reached(place, lane)}); }

  // The only target's sum, where each node has a weight: one after the other, as lanes of samples add them.
  Ref<Stmt> sum_of_lanes(const E& row, int64_t count) {
    constexpr int64_t together = 8; // in a register
    const int64_t part = std::min(count, together);
    return loop(imm(count / part), [&](const E& first) {
      E sum = out_({row, imm(0)});
      for (int64_t lane = 0; lane < part; ++lane) sum = sum + weight_of(row, first * part + lane);
      return put(out_, {row, imm(0)}, sum);
    });
  }
  Ref<Stmt> sum_in_lanes(const E& first) {
    return loop(
        imm(most_lanes),
        [&](const E& lane) {
          E row = first + lane;
          return put(out_, {row, imm(0)}, out_({row, imm(0)}) + weight_of(first, lane));
        },
        ForKind::vectorised);
  }

  // What the leaves give, lane by lane.
  Ref<Stmt> entries(const E& place, int64_t count, const OfLane& row) {
    return loop(imm(count), [&](const E& lane) -> Ref<Stmt> {
      E leaf = reached(place, lane);
      if (!c_.has(leaf_begin)) return entry(row(lane), leaf);
      E from = c_.input(leaf_begin)({leaf}), number = max(imm(0), c_.input(leaf_end)({leaf}) - from);
      return loop(number, [&](const E& n) { return entry(row(lane), from + n); });
    });
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
  Tensor out_, node_, met_;
};
} // namespace

extern const OpDef tree_ensemble = define<TreeEnsemble>(
    {.doc =
         "Decision trees, for regressors and classifiers. Each sample goes from each root `levels` steps down: at a node to its first "
         "child if the comparison of its feature with the threshold holds (one for all nodes, or mixed: mode 1 <=, 2 <, 3 >=, 4 >, 5 ==, "
         "6 !=; NaN by missing_true), else to its second. A leaf is its own child. The entries leaf_begin … leaf_end of the leaf (none: "
         "the one of its number) give (target, weight), without targets all of the only one; weights of a target are aggregated over the "
         "trees and the base is added",
     .inputs =
         std::vector<std::string>{"x: number", "roots: i32", "feature: i32", "threshold: float", "children: i32", "leaf_begin?: i64",
                                  "leaf_end?: i64", "target?: i64", "weight: float", "mode?: i32", "missing_true?: i32", "base?: float"},
     .type = TypeRule(types),
     .fusion = Fusion::opaque,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<TreeEnsemble>();
           Forest(c, a).emit();
         },
     .flops = [](TypeContext& c) { return c.shape(data)[0] * c.shape(roots)[0] * (16 + 2 * c.attrs<TreeEnsemble>().levels); },
     .examples =
         {"tree_ensemble([[1.0, 5.0], [3.0, 5.0]], i32([0]), i32([0, 0, 0]), [2.0, 0.0, 0.0], i32([1, 2, 1, 1, 2, 2]), [0, 0, 1], "
          "[0, 1, 2], [0, 0], [10.0, 20.0], none, none, [0.5], levels=1, comparison=le) == [[10.5], [20.5]]",
          "tree_ensemble([[1.0, 5.0], [3.0, 5.0]], i32([0]), i32([0, 0, 0]), [2.0, 0.0, 0.0], i32([1, 2, 1, 1, 2, 2]), none, none, none, "
          "[0.0, 10.0, 20.0], levels=1, comparison=le) == [[10.0], [20.0]]"}});

} // namespace tw::ops

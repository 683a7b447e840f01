// SPDX-License-Identifier: Apache-2.0
// Iteration maps: which are bijections, and what their inverses are; claims are checked by running through all points.
#include "arith/iter_map.h"
#include "evaluate.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace tw {
namespace {

using arith::Analyzer;
using arith::Axis;
using testing::evaluate;
using testing::show;

bool bijection(const std::vector<Axis>& axes, const Shape& values, const Shape& extents, const Opt<Expr>& where = {}) {
  Analyzer analyzer;
  return arith::is_bijection(axes, values, extents, where, analyzer);
}

// By enumeration, for constant extents.
bool really_bijection(const std::vector<Axis>& axes, const Shape& values, const Shape& extents, const Opt<Expr>& where) {
  std::set<std::vector<int64_t>> seen;
  testing::Point p;
  bool ok = true;
  std::function<void(size_t)> walk = [&](size_t at) {
    if (at < axes.size()) {
      for (int64_t v = 0; v < *as_int(axes[at].extent); ++v) {
        p[axes[at].var.node()] = v;
        walk(at + 1);
      }
      return;
    }
    if (where && !*evaluate(where.node(), p)) return;
    std::vector<int64_t> point;
    for (size_t i = 0; i < values.size(); ++i) {
      point.push_back(*evaluate(values[i].node(), p));
      ok = ok && point.back() >= 0 && point.back() < *as_int(extents[i]);
    }
    ok = ok && seen.insert(point).second;
  };
  walk(0);
  size_t all = 1;
  for (const auto& e : extents) all *= static_cast<size_t>(*as_int(e));
  return ok && seen.size() == all;
}

TEST(IterMap, SplitsFusionsAndPermutationsAreBijections) {
  Ref<Var> i = var("i"), j = var("j"), k = var("k"), n = dim("n", 1), m = dim("m", 1);
  std::vector<Axis> grid{{i, imm(4)}, {j, imm(8)}};
  EXPECT_TRUE(bijection(grid, {j, i}, {imm(8), imm(4)}));
  EXPECT_TRUE(bijection(grid, {i * 8 + j}, {imm(32)}));
  EXPECT_TRUE(bijection({{k, imm(32)}}, {floordiv(k, 8), floormod(k, 8)}, {imm(4), imm(8)}));
  EXPECT_TRUE(bijection({{k, imm(32)}}, {floordiv(k, 16), floormod(k, 4), floormod(floordiv(k, 4), 4)}, {imm(2), imm(4), imm(4)}));
  EXPECT_TRUE(bijection(grid, {floordiv(i * 8 + j, 16), floormod(i * 8 + j, 16)}, {imm(2), imm(16)}));
  EXPECT_TRUE(bijection(grid, {floordiv(j * 4 + i, 16), floormod(j * 4 + i, 16)}, {imm(2), imm(16)}));
  // Across a boundary that no loop has: three rows of eight as two of twelve.
  EXPECT_TRUE(bijection({{i, imm(3)}, {j, imm(8)}}, {floordiv(i * 8 + j, 12), floormod(i * 8 + j, 12)}, {imm(2), imm(12)}));
  EXPECT_TRUE(bijection({{i, n}, {j, m}}, {i * m + j}, {n * m}));
  EXPECT_TRUE(bijection({{k, n * m}}, {floordiv(k, m), floormod(k, m)}, {n, m}));
  EXPECT_TRUE(bijection({{i, imm(4)}, {j, imm(1)}}, {i}, {imm(4)}));
}

TEST(IterMap, GuardedSplitsAreBijectionsOntoTheirExtent) {
  Ref<Var> i = var("i"), j = var("j"), n = dim("n", 1);
  EXPECT_TRUE(bijection({{i, imm(3)}, {j, imm(4)}}, {i * 4 + j}, {imm(10)}, i * 4 + j < imm(10)));
  EXPECT_TRUE(bijection({{i, ceildiv(n, imm(4))}, {j, imm(4)}}, {i * 4 + j}, {n}, i * 4 + j < n));
  EXPECT_FALSE(bijection({{i, ceildiv(n, imm(4))}, {j, imm(4)}}, {i * 4 + j}, {n}));
  EXPECT_FALSE(bijection({{i, imm(3)}, {j, imm(4)}}, {i * 4 + j}, {imm(10)}, i * 4 + j < imm(9)));
}

TEST(IterMap, GapsAndOverlapsAreNoBijections) {
  Ref<Var> i = var("i"), j = var("j");
  std::vector<Axis> grid{{i, imm(4)}, {j, imm(8)}};
  EXPECT_FALSE(bijection(grid, {i * 7 + j}, {imm(29)}));
  EXPECT_FALSE(bijection(grid, {i * 9 + j}, {imm(35)}));
  EXPECT_FALSE(bijection(grid, {i, i}, {imm(4), imm(4)}));
  EXPECT_FALSE(bijection(grid, {i}, {imm(4)}));
  EXPECT_FALSE(bijection(grid, {i + j}, {imm(11)}));
  EXPECT_FALSE(bijection(grid, {i * 8 + j, imm(0)}, {imm(32), imm(2)}));
}

TEST(IterMap, InversesLeadBack) {
  Ref<Var> i = var("i"), j = var("j"), n = dim("n", 1);
  Analyzer analyzer;
  auto map = make(Lambda{.params = {i, j}, .results = {floordiv(j, 16), i, floormod(j, 16)}});
  auto inverse = arith::invert(map, {n, imm(64)}, analyzer);
  ASSERT_TRUE(inverse);
  EXPECT_FALSE(inverse->padded);
  auto back = arith::compose(inverse->map, map, analyzer);
  EXPECT_TRUE(analyzer.prove_equal(substitute(back->results[1], Substitution{{back->params[1].node(), j}}), j));
  EXPECT_TRUE(is_int(inverse->extents[2], 16));
  auto padded = arith::invert(map, {n, imm(60)}, analyzer);
  ASSERT_TRUE(padded);
  EXPECT_TRUE(padded->padded);
}

TEST(IterMap, RandomClaimsHold) {
  int claimed = 0;
  for (uint32_t seed = 0; seed < 4000; ++seed) {
    std::mt19937 random(seed);
    auto number = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
    std::vector<Axis> axes;
    Shape values, extents;
    std::vector<Ref<Expr>> now, sizes;
    for (int i = 0, count = static_cast<int>(number(1, 3)); i < count; ++i) {
      axes.push_back({var(fmt::format("v{}", i)), imm(number(1, 6))});
      now.push_back(axes.back().var);
      sizes.push_back(axes.back().extent);
    }
    // Splits, fusions, swaps; now and then a spoiled number.
    Opt<Expr> where;
    for (int step = 0, count = static_cast<int>(number(1, 4)); step < count; ++step) {
      size_t a = static_cast<size_t>(number(0, static_cast<int64_t>(now.size()) - 1));
      int64_t size = *as_int(sizes[a]);
      switch (number(0, 2)) {
      case 0: {
        int64_t f = number(1, 4);
        if (size % f && number(0, 3)) break;
        now.push_back(floormod(now[a], f));
        sizes.push_back(imm(f));
        now[a] = floordiv(now[a], f);
        sizes[a] = imm((size + f - 1) / f);
        break;
      }
      case 1: {
        if (now.size() < 2) break;
        size_t b = (a + 1) % now.size();
        now[a] = now[a] * sizes[b] + now[b] + (number(0, 9) == 0 ? 1 : 0);
        sizes[a] = sizes[a] * sizes[b];
        now.erase(now.begin() + static_cast<ptrdiff_t>(b));
        sizes.erase(sizes.begin() + static_cast<ptrdiff_t>(b));
        break;
      }
      default: std::swap(now[a], now[0]), std::swap(sizes[a], sizes[0]);
      }
    }
    if (number(0, 3) == 0) {
      sizes[0] = sizes[0] - (is_int(sizes[0], 1) ? 0 : 1);
      where = now[0] < sizes[0];
    }
    if (number(0, 5) == 0) sizes[0] = sizes[0] + 1;
    bool claim = bijection(axes, now, sizes, where), truth = really_bijection(axes, now, sizes, where);
    claimed += claim;
    std::string text;
    for (const auto& v : now) text += show(v) + "  ";
    ASSERT_TRUE(!claim || truth) << seed << ": " << text;
    if (where) continue;
    Analyzer analyzer;
    std::vector<Ref<Var>> params;
    Shape domain;
    for (const auto& a : axes) params.push_back(a.var);
    std::vector<Ref<Expr>> lengths;
    for (const auto& a : axes) lengths.push_back(a.extent);
    auto inverse = arith::invert(make(Lambda{.params = params, .results = now}), lengths, analyzer);
    ASSERT_TRUE(inverse || !claim) << seed << ": " << text;
    if (!inverse) continue;
    testing::Point p;
    for (const auto& a : axes) p[a.var.node()] = number(0, *as_int(a.extent) - 1);
    testing::Point q;
    for (size_t i = 0; i < now.size(); ++i) q[inverse->map->params[i].node()] = *evaluate(now[i].node(), p);
    for (size_t i = 0; i < axes.size(); ++i)
      ASSERT_EQ(evaluate(inverse->map->results[i].node(), q), p[axes[i].var.node()])
          << seed << ": " << text << " back by " << show(inverse->map->results[i]);
  }
  EXPECT_GT(claimed, 1500);
}

} // namespace
} // namespace tw

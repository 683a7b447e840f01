// SPDX-License-Identifier: Apache-2.0
// The forms that index expressions of kernels take, and what the analyzer makes of them.
#include "arith/analyzer.h"
#include "evaluate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tw {
namespace {

using testing::show;

struct Simplify : ::testing::Test {
  arith::Analyzer analyzer;
  Ref<Var> i = var("i"), j = var("j"), k = var("k"), f = var("f");
  Ref<Var> n = dim("n", 0), m = dim("m", 1), h = dim("h", 1), w = dim("w", 1), s = dim("s", 0), e = dim("e", 0);

  void expect(const Ref<Expr>& from, const Ref<Expr>& to) {
    Ref<Expr> found = analyzer.simplify(from);
    EXPECT_TRUE(equal(found, to)) << show(from) << "\ngave " << show(found) << "\nnot  " << show(to);
  }
  void expect_true(const Ref<Expr>& condition) {
    EXPECT_TRUE(analyzer.prove(condition)) << show(condition) << " -> " << show(analyzer.simplify(condition));
  }
  void expect_unknown(const Ref<Expr>& condition) { EXPECT_FALSE(analyzer.prove(condition)) << show(condition); }
};

TEST_F(Simplify, CollectsLikeTermsInOneOrder) {
  expect(i + j + i, i * 2 + j);
  expect((i + 3) * 2 - i - 6, i);
  expect(j * i * n - n * (i * j), imm(0));
  expect(n * m + m * n, (m * n) * 2);
  expect(imm(5) - i, imm(5) - i);
  EXPECT_TRUE(equal(arith::simplify((i + j) * n), arith::simplify(j * n + n * i)));
  EXPECT_TRUE(arith::prove_equal((i + 1) * (j + 1), i * j + j + i + 1));
}

TEST_F(Simplify, SplitLoopsFallApart) {
  analyzer.bind(j, imm(0), imm(16));
  expect(floordiv(i * 16 + j, 16), i);
  expect(floormod(i * 16 + j, 16), j);
  expect(floordiv(i * 32 + j, 64), floordiv(i, 2));
  expect(floormod(i * 32 + j, 64), floormod(i, 2) * 32 + j);
  expect(floordiv(i * 16 + j + 16, 16), i + 1);
  analyzer.bind(k, imm(0), imm(7));
  expect(floordiv(i * 7 + k, 7), i);
  expect(floormod(i * 7 + k, imm(7)), k);
  expect(floordiv((i * 7 + k) * 16 + j, 112), i);
  expect(floormod(floordiv((i * 7 + k) * 16 + j, 16), imm(7)), k);
}

TEST_F(Simplify, ACollapsedLoopThatIsCutIntoVectorsStaysOneIndex) {
  // The dimensions of one flat index, which a cut at no multiple of them has made of two loops.
  analyzer.bind(j, imm(0), imm(32));
  Ref<Expr> flat = i * 32 + j;
  expect(floordiv(flat, 143) * 143 + floormod(floordiv(flat, 13), imm(11)) * 13 + floormod(flat, imm(13)), flat);
  expect(floordiv(flat, 1287) * 1287 + floormod(floordiv(flat, 143), imm(9)) * 143 + floormod(floordiv(flat, 13), imm(11)) * 13 +
             floormod(flat, imm(13)),
         flat);
  expect(floordiv(k * 2 + floordiv(k * 6 + j, 13), 11), floordiv(k * 32 + j, 143));
}

TEST_F(Simplify, WhatALoopSaysHoldsInItsScope) {
  {
    auto inside = analyzer.scope();
    analyzer.bind(i, imm(0), floordiv(n + 2, 32));
    expect_true(floordiv(n + 2, 32) >= imm(1));
    analyzer.bind(j, imm(0), s);
    expect_true(s >= imm(1));
  }
  expect_unknown(floordiv(n + 2, 32) >= imm(1));
  expect_unknown(s >= imm(1));
}

TEST_F(Simplify, FusedLoopsComeBack) {
  analyzer.bind(f, imm(0), n * m);
  expect(floordiv(f, m) * m + floormod(f, m), f);
  expect(floordiv(f, 12) * 12 + floormod(f, 12), f);
  expect(floordiv(f, 12) * 12 + floordiv(floormod(f, 12), 3) * 3 + floormod(f, 3), f);
  expect(f - floordiv(f, 5) * 5, floormod(f, 5));
  expect(floormod(f, 12) * n + floordiv(f, 12) * (n * 12), f * n);
  expect_true(floordiv(f, m) < n);
  expect_true(floormod(f, m) < m);
}

TEST_F(Simplify, SymbolicSplitsFallApart) {
  analyzer.bind(j, imm(0), m);
  expect(floordiv(i * m + j, m), i);
  expect(floormod(i * m + j, m), j);
  analyzer.bind(i, imm(0), h);
  expect(floordiv((k * h + i) * m + j, m * h), k);
  expect(floormod((k * h + i) * m + j, m * h), i * m + j);
  expect(floordiv((k * h + i) * m + j, m), h * k + i);
}

TEST_F(Simplify, ProductsOfDimensionsDivide) {
  expect(floordiv(n * 4, 4), n);
  expect(floordiv(n * m, m), n);
  expect(floormod(n * m, m), imm(0));
  expect(floordiv(n * h * w * m, h * w), m * n);
  expect(floordiv(n * (m + 1), m + 1), n);
  // n may be zero: nothing is known of a division by it.
  EXPECT_FALSE(equal(analyzer.simplify(floordiv(n * m, n)), m));
  Ref<Var> six = dim("six", 6, 600, 6);
  expect(floordiv(six, 6) * 6, six);
  expect(floormod(six, 3), imm(0));
  analyzer.bind(j, imm(0), imm(6));
  expect(floordiv(six + j, 6), floordiv(six, 6));
}

TEST_F(Simplify, NestedDivisionsAreOne) {
  expect(floordiv(floordiv(i, 4), 8), floordiv(i, 32));
  expect(floordiv(floordiv(i, 4) + 3, 8), floordiv(i + 12, 32));
  expect(floormod(floormod(i, 12), 4), floormod(i, 4));
  expect(floordiv(floormod(i, 64), 16), floormod(floordiv(i, 16), 4));
  expect(floordiv(i, -4), floordiv(-i, 4));
}

TEST_F(Simplify, ClampsWithKnownRangesVanish) {
  analyzer.bind(i, imm(0), n);
  expect(max(min(i, n), imm(0)), i);
  expect(min(i, n - 1), i);
  expect(max(min(e, n), imm(0)), min(e, n));
  expect(min(min(i, imm(7)), imm(5)), min(i, imm(5)));
  expect(min(i * 16 + 16, i * 16 + n), i * 16 + min(n, imm(16)));
  EXPECT_EQ(analyzer.bounds(min(imm(16), n - i * 16)).max, 16);
  EXPECT_EQ(analyzer.bounds(min(i * 16 + 16, n) - i * 16).max, 16);
}

TEST_F(Simplify, ProvesWhatPaddingAndTailsNeed) {
  expect_true(floordiv(n + 15, 16) * 16 - n >= imm(0));
  expect_true(floordiv(n + 15, 16) * 16 < n + 16);
  expect_true(ceildiv(n, imm(7)) * 7 >= n);
  expect_true(ceildiv(n, m) * m >= n);
  expect_true(max(imm(0), min(n, e) - s) <= n);
  expect_true(max(imm(0), min(n, e) - s) >= imm(0));
  analyzer.bind(i, imm(0), ceildiv(n, imm(16)));
  expect_true(i * 16 < n);
  expect_unknown(i * 16 + 15 < n);
  expect_true(min(imm(16), n - i * 16) >= imm(1));
  analyzer.bind(j, imm(0), min(imm(16), n - i * 16));
  expect_true(i * 16 + j < n);
  expect_true(i * 16 + j >= imm(0));
}

TEST_F(Simplify, ConditionsHoldUntilTheirScopeEnds) {
  {
    auto inside = analyzer.assume(i < n && i >= imm(0));
    expect_true(i + 1 <= n);
    expect_true(n >= imm(1));
    expect(max(i, imm(0)), i);
    auto deeper = analyzer.assume(eq(j, imm(3)));
    expect(j * 2, imm(6));
  }
  expect_unknown(i < n);
  expect(max(i, imm(0)), max(i, imm(0)));
  expect(j * 2, j * 2);
}

TEST_F(Simplify, ALoopThatRunsIsNotEmpty) {
  expect_unknown(n >= imm(1));
  analyzer.bind(i, imm(0), n);
  expect_true(n >= imm(1));
  expect_true(n * i >= i);
}

TEST_F(Simplify, ComparisonsTakeOneForm) {
  expect(i * 4 + 3 < j * 4 + 3, i < j);
  expect(i * 4 <= imm(15), i < imm(4));
  expect(i + 1 > j, j <= i);
  expect(!(i < j), j <= i);
  expect(eq(i * 2, j * 2 + 1), imm(0, boolean));
  expect(i < j && i < j + 1, i < j);
  expect(i < j || j <= i, imm(1, boolean));
  expect(i < j && j < i, imm(0, boolean));
  expect(select(i < j, i, j), min(i, j));
  expect(select(!(i < j), k, f), select(j <= i, k, f));
}

TEST_F(Simplify, ALetStandsForItsValue) {
  analyzer.bind(j, imm(0), imm(8));
  analyzer.bind_value(k, i * 8 + j);
  expect(floordiv(k, 8), i);
  expect(floormod(k, 8), j);
  analyzer.bind(f, i + 3, imm(1));
  expect(f - i, imm(3));
}

TEST_F(Simplify, DivisibilityFollowsThroughOperations) {
  Ref<Var> six = dim("six", 6, 600, 6);
  EXPECT_EQ(analyzer.multiple_of(six * 4 + 8), 8);
  EXPECT_EQ(analyzer.multiple_of(min(six, imm(9))), 3);
  EXPECT_TRUE(analyzer.prove_multiple(ceildiv(n, imm(8)) * 8, 8));
  EXPECT_TRUE(analyzer.prove_multiple(i * n * 12 - 36, 12));
  EXPECT_FALSE(analyzer.prove_multiple(i, 2));
}

TEST_F(Simplify, NarrowTypesWrap) {
  Ref<Var> b = make(Var{.id = "b", .type = u8}), c = make(Var{.id = "c", .type = u8, .min = 0, .max = 100});
  expect_unknown(b < b + 1);
  expect_true(c < c + 1);
  expect(floordiv(c * 2, 2), c);
  EXPECT_FALSE(equal(analyzer.simplify(floordiv(b * 2, 2)), b));
  expect(b * 200 + b * 56, imm(0, u8));
  expect(cast(u8, cast(i32, b)), b);
  Ref<Expr> wide = var("wide", i32);
  expect(cast(i32, cast(u8, wide)), cast(i32, cast(u8, wide)));
}

TEST_F(Simplify, DataOfSixtyFourBitsMayWrap) {
  Ref<Buffer> data = make(Buffer{.id = "data", .shape = {n}, .element = i64});
  Ref<Expr> x = load(data, {i});
  expect_unknown(x < x + 1);
  EXPECT_FALSE(equal(analyzer.simplify(floordiv(x * 2, 2)), x));
  expect(x * 3 - x, x * 2);
  expect(load(data, {i + j - i}), load(data, {j}));
}

TEST_F(Simplify, FloatsChangeOnlyWhereExact) {
  Ref<Expr> x = var("x", f32);
  Ref<Expr> one = literal(1, f32), zero = literal(0, f32), minus_zero = literal(-0.0, f32);
  expect(x * one, x);
  expect(x - zero, x);
  expect(x + minus_zero, x);
  expect(x + zero, x + zero);
  expect(x * zero, x * zero);
  expect(x - x, x - x);
  expect(eq(x, x), eq(x, x));
  expect(!(x < one), !(x < one));
  // Folding happens at the width: 1/3 in f32, not in f64.
  expect(one / literal(3, f32), literal(1.0f / 3.0f, f32));
  expect(literal(16777216, f32) + one, literal(16777216, f32));
  expect(cast(i8, literal(1000, f32)), imm(127, i8));
  expect(select(imm(1, boolean), x, zero), x);
  expect(make(Select{.cond = i < i + 1, .a = x, .b = zero}), x);
}

TEST_F(Simplify, AffineFormsAreFound) {
  auto found = arith::affine((i + 2) * n + j * 4 - i + k, {i, j}, analyzer);
  ASSERT_TRUE(found);
  EXPECT_TRUE(analyzer.prove_equal(found->coefficients[0], n - 1));
  EXPECT_TRUE(analyzer.prove_equal(found->coefficients[1], imm(4)));
  EXPECT_TRUE(analyzer.prove_equal(found->rest, n * 2 + k));
  EXPECT_FALSE(arith::affine(i * j, {i, j}, analyzer));
  EXPECT_FALSE(arith::affine(floordiv(i, 2), {i}, analyzer));
  EXPECT_TRUE(arith::affine(floordiv(k, 2) + i, {i}, analyzer));
}

TEST_F(Simplify, SharedGraphsCostTheirNodesNotTheirPaths) {
  Ref<Expr> x = i;
  for (int round = 0; round < 200; ++round) x = make(Select{.cond = x < j, .a = max(x, floordiv(x, 3)), .b = min(x, k) + x});
  // Paths are 2^200: the test ends at all only if each node is looked at once.
  analyzer.simplify(x);
  analyzer.bounds(x);
}

// Three loops fused to one and taken apart again give back the one index, though 32 does not divide 56.
TEST_F(Simplify, QuotientsOfFusedLoopsJoinTheirRemainders) {
  Ref<Var> outer = var("outer"), lane = var("lane");
  analyzer.bind(outer, imm(0), imm(14112));
  analyzer.bind(lane, imm(0), imm(32));
  Ref<Expr> e = outer * 32 + lane;
  Ref<Expr> parts = floordiv(e, 3136) * 3136 + floordiv(floormod(e, 3136), 56) * 56 + floormod(floormod(e, 3136), 56);
  EXPECT_TRUE(analyzer.prove_equal(parts, e)) << to_text(analyzer.simplify(parts));
}

// The same where the number of images is not known and blocks of tiles overlap them: each part is reduced by its own divisor first.
TEST_F(Simplify, BlocksOfFusedLoopsOfUnknownLengthStayOneIndex) {
  Ref<Var> block = var("block"), step = var("step"), row = var("row");
  analyzer.bind(block, imm(0), floordiv(s * 49, 96));
  analyzer.bind(step, imm(0), imm(8));
  analyzer.bind(row, imm(0), imm(12));
  auto index = [](const Ref<Expr>& e) {
    return floordiv(e, 49) * 25088 + floordiv(floormod(e, 49), 7) * 3584 + floormod(floormod(e, 49), 7) * 512;
  };
  Ref<Expr> e = block * 96 + (step * 12 + row);
  expect(index(e), analyzer.simplify(e * 512));
  Ref<Var> shared = var("shared"); // with the panels, as threads share them
  analyzer.bind(shared, imm(0), floordiv(s * 49, 64) * 16);
  e = floordiv(shared, 16) * 64 + (step * 8 + row);
  expect(index(e), analyzer.simplify(e * 512));
}

} // namespace
} // namespace tw

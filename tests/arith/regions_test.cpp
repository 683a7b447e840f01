// SPDX-License-Identifier: Apache-2.0
// Regions that statements touch, as boxes over what is outside them.
#include "arith/regions.h"
#include "evaluate.h"

#include <gtest/gtest.h>

namespace tw {
namespace {

using arith::Analyzer;
using arith::find_region;
using testing::show;

struct Regions : ::testing::Test {
  Analyzer analyzer;
  Ref<Var> n = dim("n", 1), i = var("i"), j = var("j"), k = var("k");
  Ref<Buffer> a = make(Buffer{.id = "a", .shape = {n, imm(64)}, .element = f32}),
              b = make(Buffer{.id = "b", .shape = {n, imm(64)}, .element = f32});

  Ref<Stmt> loop(const Ref<Var>& v, const Ref<Expr>& extent, const Ref<Stmt>& body) {
    return make(For{.begin = imm(0), .extent = extent, .var = v, .body = body});
  }
  void expect(const Opt<Region>& found, const Shape& begin, const Shape& extent) {
    ASSERT_TRUE(found);
    for (size_t d = 0; d < begin.size(); ++d) {
      EXPECT_TRUE(analyzer.prove_equal(found->begin[d], begin[d])) << "begin " << d << ": " << show(found->begin[d]);
      EXPECT_TRUE(analyzer.prove_equal(found->extent[d], extent[d])) << "extent " << d << ": " << show(found->extent[d]);
    }
  }
};

TEST_F(Regions, LoopsInsideAreCoveredLoopsOutsideStay) {
  auto s = loop(j, imm(8), store(b, {i, k * 8 + j}, load(a, {i, k * 8 + j}) + load(a, {i, k * 8 + j + 1})));
  auto found = arith::touched_by(s, analyzer);
  expect(find_region(found.writes, b), {i, k * 8}, {imm(1), imm(8)});
  expect(find_region(found.reads, a), {i, k * 8}, {imm(1), imm(9)});
}

TEST_F(Regions, StridesReversalsAndDivisionsAreFollowed) {
  auto s = loop(j, imm(8), store(b, {i, imm(63) - j}, load(a, {i, k * 16 + j * 2}) + load(b, {i, floordiv(j, 4)})));
  auto found = arith::touched_by(s, analyzer);
  expect(find_region(found.writes, b), {i, imm(56)}, {imm(1), imm(8)});
  expect(find_region(found.reads, a), {i, k * 16}, {imm(1), imm(15)});
  expect(find_region(found.reads, b), {i, imm(0)}, {imm(1), imm(2)});
}

TEST_F(Regions, BlocksSpeakOfTheirOwnVariables) {
  Ref<Var> vi = var("vi"), vj = var("vj");
  auto body = store(b, {vi, vj}, load(a, {vi, vj}));
  auto block =
      make(Block{.id = "copy",
                 .iters = {make(Iter{.value = i, .extent = n, .var = vi}), make(Iter{.value = k * 8 + j, .extent = imm(64), .var = vj})},
                 .body = body});
  auto own = arith::touched_by_block(*block, analyzer);
  expect(find_region(own.writes, b), {vi, vj}, {imm(1), imm(1)});
  auto found = arith::touched_by(loop(j, imm(8), block), analyzer);
  expect(find_region(found.reads, a), {i, k * 8}, {imm(1), imm(8)});
}

TEST_F(Regions, UnknownIndicesTouchTheWholeDimension) {
  Ref<Buffer> where = make(Buffer{.id = "where", .shape = {n}, .element = i64});
  auto found = arith::touched_by(store(b, {i, imm(0)}, load(a, {load(where, {i}), j})), analyzer);
  expect(find_region(found.reads, a), {imm(0), j}, {n, imm(1)});
  expect(find_region(found.reads, where), {i}, {imm(1)});
}

TEST_F(Regions, RegisterTilesTouchAllTheirAxes) {
  Ref<Var> r = var("r"), c = var("c"), x = var("x"), acc = var("acc", f32);
  auto axis = [](const Ref<Var>& v, int64_t extent) { return make(TileAxis{.extent = imm(extent), .var = v}); };
  auto tile = make(RegisterTile{.rows = {axis(r, 6)},
                                .column = axis(c, 16),
                                .reduce = {axis(x, 64)},
                                .init = literal(0, f32),
                                .value = load(a, {i * 6 + r, x}) * load(a, {x, c}),
                                .acc = acc,
                                .body = store(b, {i * 6 + r, j * 16 + c}, acc)});
  auto found = arith::touched_by(tile, analyzer);
  expect(find_region(found.writes, b), {i * 6, j * 16}, {imm(6), imm(16)});
}

TEST_F(Regions, CoveringIsProvenByBounds) {
  auto region = [&](const Shape& begin, const Shape& extent) { return make(Region{.buffer = a, .begin = begin, .extent = extent}); };
  analyzer.bind(i, imm(0), n);
  EXPECT_TRUE(arith::covers(arith::whole(a), region({i, imm(8)}, {imm(1), imm(56)}), analyzer));
  EXPECT_FALSE(arith::covers(arith::whole(a), region({i, imm(8)}, {imm(2), imm(56)}), analyzer));
  EXPECT_TRUE(arith::disjoint(region({i, imm(0)}, {imm(1), imm(8)}), region({i, imm(8)}, {imm(1), imm(8)}), analyzer));
  EXPECT_FALSE(arith::disjoint(region({i, imm(0)}, {imm(1), imm(9)}), region({i, imm(8)}, {imm(1), imm(8)}), analyzer));
  expect(arith::clip(region({i - 1, imm(60)}, {imm(3), imm(8)}), analyzer), {max(i - 1, imm(0)), imm(60)},
         {min(i + 2, n) - max(i - 1, imm(0)), imm(4)});
}

} // namespace
} // namespace tw

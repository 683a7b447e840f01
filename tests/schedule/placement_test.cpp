// SPDX-License-Identifier: Apache-2.0
// Primitives that move blocks and values: the kernel computes the same before and after, and has the form that was asked for.
#include "kernels.h"

namespace tw {
namespace {

using namespace schedule;
using testing::buffer;
using testing::expect_refused;
using testing::expect_same;
using testing::nest;

// T = 2 * A; C = T[i] + T[i + 2]
struct Stencil {
  Ref<Buffer> a = buffer("A", shape_of({66})), t = buffer("T", shape_of({66})), c = buffer("C", shape_of({64}));
  testing::Nest first = nest("t", shape_of({66}), [&](auto v) { return store(t, v, load(a, v) * literal(2, f32)); });
  testing::Nest second = nest("c", shape_of({64}), [&](auto v) { return store(c, v, load(t, v) + load(t, {v[0] + 2})); });
  Ref<Kernel> kernel = testing::kernel({a}, {c}, {t}, {first.stmt, second.stmt});
};
// T = A @ B; C = max(T + bias, 0)
struct Product {
  Ref<Var> n = dim("n", 1, 100);
  Ref<Buffer> a = buffer("A", {n, imm(8)}), b = buffer("B", shape_of({8, 32})), bias = buffer("bias", shape_of({32})),
              t = buffer("T", {n, imm(32)}), c = buffer("C", {n, imm(32)});
  testing::Nest first = nest(
      "mm", {n, imm(32), imm(8)},
      [&](auto v) {
        return store(t, {v[0], v[1]}, load(t, {v[0], v[1]}) + load(a, {v[0], v[2]}) * load(b, {v[2], v[1]}));
      },
      2,
      [&](auto v) {
        return store(t, {v[0], v[1]}, literal(0, f32));
      });
  testing::Nest second =
      nest("relu", {n, imm(32)}, [&](auto v) { return store(c, v, max(load(t, v) + load(bias, {v[1]}), literal(0, f32))); });
  Ref<Kernel> kernel = testing::kernel({a, b, bias}, {c}, {t}, {first.stmt, second.stmt}, {n});
};

struct Placement : ::testing::Test {
  Target target;
  std::vector<std::string> around(const Schedule& s, Name block) {
    std::vector<std::string> out;
    for (const auto& f : s.loops(block)) out.push_back(f->var->id.str());
    return out;
  }
};

TEST_F(Placement, AProducerMovesIntoItsReadersLoopAndComputesWhatAnIterationReads) {
  Stencil k;
  Schedule s(k.kernel, target);
  compute_at(s, "t", k.second.loops[0]);
  EXPECT_EQ(s.loops("t").size(), 2u);
  EXPECT_TRUE(is_int(s.loops("t")[1]->extent, 3));
  expect_same(k.kernel, s);
}

TEST_F(Placement, AnIterationsShareOfABufferIsAllocatedInsideTheLoop) {
  Stencil k;
  Schedule s(k.kernel, target);
  Loops parts = split(s, k.second.loops[0], 8);
  compute_at(s, "t", parts[0]);
  Ref<Buffer> small = narrow(s, k.t, parts[0]);
  EXPECT_TRUE(is_int(small->shape[0], 10));
  expect_same(k.kernel, s);
}

TEST_F(Placement, AReductionMovesWithItsInit) {
  Product k;
  Schedule s(k.kernel, target);
  Loops parts = split(s, k.second.loops[1], 16);
  reorder(s, {parts[0], k.second.loops[0], parts[1]});
  compute_at(s, "mm", parts[0]);
  expect_same(k.kernel, s, {{1}, {5}});
  narrow(s, k.t, parts[0]);
  expect_same(k.kernel, s, {{1}, {5}});
}

TEST_F(Placement, TiledNestsMergeLoopByLoop) {
  Product k;
  Schedule s(k.kernel, target);
  for (Name id : {Name("mm"), Name("relu")}) split(s, s.loops(id)[1]->var, 8);
  for (size_t depth = 0; depth < 3; ++depth) merge_loops(s, s.loops("mm")[depth]->var, s.loops("relu")[depth]->var);
  EXPECT_EQ(around(s, "relu"), (std::vector<std::string>{"mm_i", "mm_j_0", "mm_j_1"}));
  expect_same(k.kernel, s, {{1}, {5}});
}

// An iteration that reads what its neighbour inside the same tile has written must come after it.
TEST_F(Placement, LoopsOfATileDoNotMergeAcrossTheirPoints) {
  Stencil k;
  Schedule s(k.kernel, target);
  split(s, k.first.loops[0], 33);
  split(s, k.second.loops[0], 32);
  expect_refused([&] { merge_loops(s, s.loops("t")[0]->var, s.loops("c")[0]->var); }, "what the same iteration has written");
}

TEST_F(Placement, AConsumerRunsOnWhatOneIterationHasProduced) {
  Product k;
  Schedule s(k.kernel, target);
  Loops parts = split(s, k.first.loops[1], 16);
  reorder(s, {parts[0], k.first.loops[0], parts[1], k.first.loops[2]});
  reverse_compute_at(s, "relu", k.first.loops[0]);
  EXPECT_EQ(around(s, "relu").size(), 3u);
  expect_same(k.kernel, s, {{1}, {5}});
  Ref<Buffer> small = narrow(s, k.t, k.first.loops[0]);
  EXPECT_TRUE(is_int(small->shape[0], 1) && is_int(small->shape[1], 16));
  expect_same(k.kernel, s, {{1}, {5}});
}

TEST_F(Placement, AConsumerFollowsAPaddedLoopWithAGuard) {
  Product k;
  Schedule s(k.kernel, target);
  pad(s, k.first.loops[0], 4);
  Loops parts = split(s, k.first.loops[0], 4);
  reverse_compute_at(s, "relu", parts[0]);
  EXPECT_TRUE(s.block("relu")->where);
  expect_same(k.kernel, s, {{1}, {4}, {7}});
}

TEST_F(Placement, AConsumerDoesNotEnterALoopThatCarriesTheReduction) {
  Product k;
  Schedule s(k.kernel, target);
  reorder(s, {k.first.loops[0], k.first.loops[2], k.first.loops[1]});
  expect_refused([&] { reverse_compute_at(s, "relu", k.first.loops[2]); }, "has finished its reduction");
  Stencil two;
  Schedule t(two.kernel, target);
  expect_refused([&] { reverse_compute_at(t, "c", two.first.loops[0]); }, "has written all that it reads");
  expect_refused([&] { compute_at(t, "c", two.first.loops[0]); }, "not a parameter");
}

TEST_F(Placement, AMapJoinsItsProducer) {
  Ref<Buffer> a = buffer("A", shape_of({4, 6})), t = buffer("T", shape_of({6, 4})), c = buffer("C", shape_of({4, 6}));
  auto first = nest("t", shape_of({6, 4}), [&](auto v) { return store(t, v, load(a, {v[1], v[0]}) * literal(2, f32)); });
  auto second = nest("c", shape_of({4, 6}), [&](auto v) { return store(c, v, load(t, {v[1], v[0]}) + load(a, v)); });
  Ref<Kernel> k = testing::kernel({a}, {c}, {t}, {first.stmt, second.stmt});
  Schedule s(k, target);
  reverse_inline(s, "c");
  EXPECT_EQ(s.blocks().size(), 1u);
  EXPECT_FALSE(as<Allocate>(s.kernel()->body));
  expect_same(k, s);
  Product product;
  Schedule p(product.kernel, target);
  expect_refused([&] { reverse_inline(p, "relu"); }, "one store without condition or reduction");
}

TEST_F(Placement, CachesCopyBeforeAndAfter) {
  Product k;
  Schedule s(k.kernel, target);
  Name read = cache_read(s, "mm", k.b, "global");
  Name written = cache_write(s, "relu", "global");
  EXPECT_EQ(s.blocks().size(), 4u);
  expect_same(k.kernel, s, {{1}, {5}});
  // The result's copy joins the loop that makes it: what `C` was, row by row.
  reverse_compute_at(s, written, k.second.loops[0]);
  expect_same(k.kernel, s, {{1}, {5}});
  EXPECT_EQ(s.block(read)->id, read);
}

TEST_F(Placement, LayoutsScopesHintsAndTilesKeepTheNumbers) {
  Product k;
  Schedule s(k.kernel, target);
  Ref<Var> x = var("x"), y = var("y");
  Ref<Buffer> packed = transform_layout(s, k.t, make(Lambda{.params = {x, y}, .results = {floordiv(y, 16), x, floormod(y, 16)}}));
  EXPECT_EQ(packed->shape.size(), 3u);
  expect_same(k.kernel, s, {{3}});
  Ref<Buffer> scratch = set_scope(s, packed, "scratch");
  EXPECT_EQ(scratch->scope, Name("scratch"));
  annotate(s, "mm", "limit", int64_t{4});
  annotate(s, "mm", "limit", int64_t{8});
  EXPECT_EQ(s.block("mm")->hints.size(), 1u);
  Loops all = tile(s, {k.first.loops[1], k.first.loops[2]}, {16, 4});
  EXPECT_EQ(around(s, "mm").size(), 5u);
  expect_same(k.kernel, s, {{3}});
  expect_refused([&] { transform_layout(s, scratch, make(Lambda{.params = {x, y, x}, .results = {x}})); }, "different elements");
  expect_refused([&] { set_scope(s, k.a, "local"); }, "not a parameter");
}

TEST_F(Placement, ANestBecomesABlock) {
  Product k;
  Schedule s(k.kernel, target);
  Loops parts = split(s, k.first.loops[1], 16);
  Name outer = blockize(s, "mm", parts[1]);
  EXPECT_EQ(s.block(outer)->iters.size(), 2u);
  EXPECT_EQ(s.block(outer)->writes.size(), 1u);
  expect_same(k.kernel, s, {{3}});
}

} // namespace
} // namespace tw

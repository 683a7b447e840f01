// SPDX-License-Identifier: Apache-2.0
#include "interpreter/interpret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tw::interpreter {
namespace {

Ref<Buffer> buffer(const char* id, const Shape& shape, DType type = f32) { return make(Buffer{.id = id, .shape = shape, .element = type}); }
Ref<Kernel> kernel(std::vector<Ref<Buffer>> in, std::vector<Ref<Buffer>> out, const Ref<Stmt>& body, std::vector<Ref<Var>> dims = {}) {
  std::vector<Ref<Param>> params;
  for (const auto& b : in) params.push_back(make(Param{.buffer = b, .access = Access::in}));
  for (const auto& b : out) params.push_back(make(Param{.buffer = b, .access = Access::out}));
  return make(Kernel{.id = "k", .dims = dims, .params = params, .body = body});
}
// out[0] = e, in e's type.
double evaluate(const Ref<Expr>& e) {
  Ref<Buffer> out = buffer("out", {}, e->dtype);
  return interpret_kernel(*kernel({}, {out}, store(out, {}, e)), {})[0].number(0);
}
std::string failure(const Ref<Kernel>& k, const std::vector<Array>& inputs) {
  try {
    interpret_kernel(*k, inputs);
    return "no error";
  } catch (const Error& error) { return error.what(); }
}
Ref<Expr> raw(BinaryOp op, const Ref<Expr>& a, const Ref<Expr>& b) { return make(Binary{.op = op, .a = a, .b = b}); }
Ref<Expr> raw_cast(DType to, const Ref<Expr>& value) { return make(Cast{.to = to, .value = value}); }

} // namespace

// Integers wrap at their width and divide downwards; shifts by the width or more give 0 or the sign.
TEST(Scalars, IntegersWrapAndFloor) {
  EXPECT_EQ(evaluate(raw(BinaryOp::add, imm(127, i8), imm(1, i8))), -128);
  EXPECT_EQ(evaluate(raw(BinaryOp::sub, imm(0, u16), imm(1, u16))), 65535);
  EXPECT_EQ(evaluate(raw(BinaryOp::mul, imm(1 << 20, i32), imm(1 << 12, i32))), 0);
  EXPECT_EQ(evaluate(raw(BinaryOp::floordiv, imm(-7), imm(2))), -4);
  EXPECT_EQ(evaluate(raw(BinaryOp::floormod, imm(-7), imm(2))), 1);
  EXPECT_EQ(evaluate(raw(BinaryOp::floormod, imm(7), imm(-2))), -1);
  EXPECT_EQ(evaluate(raw(BinaryOp::floordiv, imm(-128, i8), imm(-1, i8))), -128);
  EXPECT_EQ(evaluate(raw(BinaryOp::shift_right, imm(-8, i32), imm(40, i32))), -1);
  EXPECT_EQ(evaluate(raw(BinaryOp::shift_left, imm(1, i32), imm(32, i32))), 0);
  EXPECT_EQ(evaluate(raw(BinaryOp::max, imm(-1, u64), imm(1, u64))), 0x1p64);
}

// Each float operation rounds once at its own width; casts to integers saturate; NaN passes through min and max.
TEST(Scalars, FloatsRoundAtTheirWidth) {
  auto f = [](double v, DType t) { return literal(v, t); };
  EXPECT_EQ(evaluate(raw(BinaryOp::add, f(1, f32), f(1e-8, f32))), 1);
  EXPECT_EQ(evaluate(raw(BinaryOp::add, f(2048, f16), f(1, f16))), 2048);
  EXPECT_EQ(evaluate(raw(BinaryOp::add, f(2048, f16), f(3, f16))), 2052);
  EXPECT_EQ(evaluate(raw(BinaryOp::add, f(256, bf16), f(1, bf16))), 256);
  EXPECT_EQ(evaluate(raw(BinaryOp::mul, f(60000, f16), f(2, f16))), INFINITY);
  EXPECT_EQ(evaluate(raw_cast(u8, f(300.7, f32))), 255);
  EXPECT_EQ(evaluate(raw_cast(i32, f(-INFINITY, f32))), -2147483648.0);
  EXPECT_EQ(evaluate(raw_cast(i64, f(NAN, f32))), 0);
  EXPECT_EQ(evaluate(raw_cast(f32, imm((int64_t{1} << 24) + 1))), 16777216);
  EXPECT_TRUE(std::isnan(evaluate(raw(BinaryOp::max, f(1, f32), f(NAN, f32)))));
  EXPECT_TRUE(std::isnan(evaluate(raw(BinaryOp::min, f(NAN, f32), f(1, f32)))));
}

// An access outside a buffer, and a read before the first write, are errors that name buffer and index.
TEST(Kernels, WrongAccessesAreFound) {
  Ref<Buffer> x = buffer("x", shape_of({2, 3})), out = buffer("out", {}), scratch = buffer("scratch", shape_of({2}));
  Array data = Array::of(f32, {2, 3}, {0, 1, 2, 3, 4, 5});
  EXPECT_THAT(failure(kernel({x}, {out}, store(out, {}, load(x, {imm(1), imm(3)}))), {data}),
              ::testing::HasSubstr("reads x[1, 3] outside its shape [2, 3]"));
  Ref<Stmt> early = make(Allocate{.buffer = scratch, .body = store(out, {}, load(scratch, {imm(1)}))});
  EXPECT_THAT(failure(kernel({}, {out}, early), {}), ::testing::HasSubstr("reads scratch at element 1 before it is written"));
  EXPECT_THAT(failure(kernel({}, {scratch}, store(scratch, {imm(0)}, literal(1, f32))), {}),
              ::testing::HasSubstr("does not write scratch at element 1"));
  Ref<Expr> masked = make(Load{.buffer = x, .index = {imm(9), imm(9)}, .mask = imm(0, boolean)});
  EXPECT_EQ(failure(kernel({x}, {out}, store(out, {}, masked)), {data}), "no error");
}

// Where `where` is false an iteration does not exist; `init` runs before the first reduction of each result.
TEST(Kernels, BlocksHonourWhereAndInit) {
  Ref<Buffer> x = buffer("x", shape_of({3})), out = buffer("out", shape_of({2}));
  Ref<Var> i = var("i"), k = var("k"), vi = var("vi"), vk = var("vk");
  Ref<Stmt> block = make(Block{.id = "sum",
                               .iters = {make(Iter{.value = i, .extent = imm(2), .var = vi}),
                                         make(Iter{.value = k, .extent = imm(3), .var = vk, .how = IterKind::reduce})},
                               .body = store(out, {vi}, load(out, {vi}) + load(x, {vk})),
                               .where = Opt<Expr>(raw(BinaryOp::lt, k, imm(3))),
                               .init = Opt<Stmt>(store(out, {vi}, zero(f32)))});
  Ref<Stmt> body =
      make(For{.begin = imm(0), .extent = imm(2), .var = i, .body = make(For{.begin = imm(0), .extent = imm(4), .var = k, .body = block})});
  Array found = interpret_kernel(*kernel({x}, {out}, body), {Array::of(f32, {3}, {1, 2, 4})})[0];
  EXPECT_EQ(found.numbers(), (std::vector<double>{7, 7}));
}

// A register tile is the sum over its reduction for each row and real column, then its body.
TEST(Kernels, RegisterTilesMultiplyMatrices) {
  Ref<Buffer> a = buffer("a", shape_of({2, 3})), b = buffer("b", shape_of({3, 4})), out = buffer("out", shape_of({2, 3}));
  Ref<Var> r = var("r"), c = var("c"), k = var("k"), acc = var("acc", f32);
  Ref<Stmt> tile = make(RegisterTile{.rows = {make(TileAxis{.extent = imm(2), .var = r})},
                                     .column = make(TileAxis{.extent = imm(4), .var = c}),
                                     .reduce = {make(TileAxis{.extent = imm(3), .var = k})},
                                     .init = zero(f32),
                                     .value = load(a, {r, k}) * load(b, {k, c}),
                                     .acc = acc,
                                     .body = store(out, {r, c}, acc + literal(1, f32)),
                                     .columns = Opt<Expr>(imm(3))});
  Array x = Array::of(f32, {2, 3}, {1, 2, 3, 4, 5, 6}), y = Array::of(f32, {3, 4}, {1, 0, 0, 9, 0, 1, 0, 9, 0, 0, 1, 9});
  EXPECT_EQ(interpret_kernel(*kernel({a, b}, {out}, tile), {x, y})[0].numbers(), (std::vector<double>{2, 3, 4, 5, 6, 7}));
}

// Vector code means the same as its lanes in order: ramps, broadcasts, shuffles, masks.
TEST(Kernels, VectorsAreLanes) {
  Ref<Buffer> x = buffer("x", shape_of({4})), out = buffer("out", shape_of({4}));
  Ref<Expr> lanes = make(Ramp{.base = imm(0), .stride = imm(1), .lanes = 4});
  Ref<Expr> loaded = make(Load{.buffer = x, .index = {lanes}});
  Ref<Expr> turned = make(Shuffle{.vectors = {loaded}, .indices = {3, 2, 1, 0}});
  Ref<Expr> ten = make(Broadcast{.value = literal(10, f32), .lanes = 4});
  Ref<Var> v = var("v", f32.with_lanes(4));
  Ref<Stmt> body = make(Let{.value = turned + ten, .var = v, .body = make(Store{.buffer = out, .index = {lanes}, .value = v})});
  EXPECT_EQ(interpret_kernel(*kernel({x}, {out}, body), {Array::of(f32, {4}, {1, 2, 3, 4})})[0].numbers(),
            (std::vector<double>{14, 13, 12, 11}));
}

// Sizes are found from the inputs' shapes; strides say where elements lie.
TEST(Kernels, SizesComeFromShapes) {
  Ref<Var> n = dim("n", 1);
  Ref<Buffer> x = buffer("x", {n, n * 2}), out = buffer("out", {n});
  Ref<Var> i = var("i");
  Ref<Stmt> body = make(For{.begin = imm(0), .extent = n, .var = i, .body = store(out, {i}, load(x, {i, i * 2 + 1}))});
  Ref<Kernel> k = kernel({x}, {out}, body, {n});
  EXPECT_EQ(interpret_kernel(*k, {Array::of(f32, {2, 4}, {0, 1, 2, 3, 4, 5, 6, 7})})[0].numbers(), (std::vector<double>{1, 7}));
  EXPECT_THAT(failure(k, {Array::of(f32, {2, 3}, {0, 1, 2, 3, 4, 5})}), ::testing::HasSubstr("x has size 3 in dimension 1, expected 4"));
}

// The budget of steps ends a long run with an error of its own kind.
TEST(Kernels, BudgetsEndLongRuns) {
  Ref<Buffer> out = buffer("out", {});
  Ref<Var> i = var("i");
  Ref<Stmt> body = make(For{.begin = imm(0), .extent = imm(1000), .var = i, .body = store(out, {}, zero(f32))});
  Limits limits{.steps = 100};
  try {
    interpret_kernel(*kernel({}, {out}, body), {}, {}, &limits);
    FAIL() << "no error";
  } catch (const Error& error) { EXPECT_EQ(error.kind(), ErrorKind::unsupported); }
}

} // namespace tw::interpreter

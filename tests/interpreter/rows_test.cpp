// SPDX-License-Identifier: Apache-2.0
// Nests run by rows give what they give element by element: the same bits, the same errors.
#include "interpreter/interpret.h"
#include "ir/intrinsics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tw::interpreter {
namespace {

constexpr int64_t count = 300; // more than a row, and no multiple of one

Ref<Buffer> buffer(const char* id, const Shape& shape, DType type) { return make(Buffer{.id = id, .shape = shape, .element = type}); }

// for i in range(count): out[i] = value(i), as a map, or behind a name, which is no map.
Ref<Kernel> loop(const std::vector<Ref<Buffer>>& in, DType type, const std::function<Ref<Expr>(const Ref<Var>&)>& value, bool as_map) {
  Ref<Buffer> out = buffer("out", shape_of({count}), type);
  std::vector<Ref<Param>> params;
  for (const auto& b : in) params.push_back(make(Param{.buffer = b, .access = Access::in}));
  params.push_back(make(Param{.buffer = out, .access = Access::out}));
  Ref<Var> i = var("i");
  Ref<Stmt> body = store(out, {i}, value(i));
  if (!as_map) body = make(Let{.value = i, .var = var("unused"), .body = body});
  return make(Kernel{.id = "k", .params = params, .body = make(For{.begin = imm(0), .extent = imm(count), .var = i, .body = body})});
}

std::string outcome(const Ref<Kernel>& kernel, const std::vector<Array>& inputs, Limits* limits = nullptr) {
  try {
    Array result = interpret_kernel(*kernel, inputs, {}, limits)[0];
    std::string text;
    for (std::byte b : result.bytes.bytes()) text += fmt::format("{:02x}", static_cast<unsigned>(b));
    return text;
  } catch (const Error& error) { return error.what(); }
}

void expect_same(const std::vector<Ref<Buffer>>& in, const std::vector<Array>& inputs, DType type,
                 const std::function<Ref<Expr>(const Ref<Var>&)>& value, const std::string& what) {
  EXPECT_EQ(outcome(loop(in, type, value, true), inputs), outcome(loop(in, type, value, false), inputs)) << what;
}

Array numbers(DType type, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> even(-90, 90);
  std::vector<double> values(count);
  for (double& v : values) v = even(random);
  if (type.is_float()) values[3] = NAN, values[5] = INFINITY, values[7] = -0.0;
  return Array::of(type, {count}, values);
}

} // namespace

// Every operation at every type.
TEST(Rows, ArithmeticIsThatOfOneElement) {
  for (DType type : {f32, f64, f16, bf16, i8, u8, i32, u32, i64, u64}) {
    std::vector<Ref<Buffer>> in = {buffer("a", shape_of({count}), type), buffer("b", shape_of({count}), type)};
    std::vector<Array> inputs = {numbers(type, 1), numbers(type, 2)};
    for (size_t op = 0; op < enum_names(BinaryOp{}).size(); ++op) {
      auto which = static_cast<BinaryOp>(op);
      bool logical = which == BinaryOp::logical_and || which == BinaryOp::logical_or,
           compares = which >= BinaryOp::eq && which <= BinaryOp::ge;
      bool bits = which >= BinaryOp::bit_and || which == BinaryOp::shift_left || which == BinaryOp::shift_right;
      if (logical || (type.is_float() && bits) || (!type.is_float() && which == BinaryOp::div)) continue;
      expect_same(
          in, inputs, compares ? boolean : type,
          [&](const Ref<Var>& i) -> Ref<Expr> { return make(Binary{.op = which, .a = load(in[0], {i}), .b = load(in[1], {i})}); },
          fmt::format("{} of {}", name_of(which), to_string(type)));
    }
    for (DType to : {f32, f16, i8, u64, boolean})
      expect_same(
          in, inputs, to, [&](const Ref<Var>& i) -> Ref<Expr> { return make(Cast{.to = to, .value = load(in[0], {i})}); },
          fmt::format("{} to {}", to_string(type), to_string(to)));
    expect_same(
        in, inputs, type, [&](const Ref<Var>& i) -> Ref<Expr> { return make(Unary{.op = UnaryOp::neg, .a = load(in[0], {i})}); },
        "neg of " + to_string(type));
  }
}

// Functions, choices, values that no loop changes, and values used twice.
TEST(Rows, ExpressionsOfAllKinds) {
  std::vector<Ref<Buffer>> in = {buffer("a", shape_of({count}), f32), buffer("b", shape_of({count}), f32)};
  std::vector<Array> inputs = {numbers(f32, 3), numbers(f32, 4)};
  expect_same(
      in, inputs, f32,
      [&](const Ref<Var>& i) -> Ref<Expr> {
        Ref<Expr> a = load(in[0], {i}), b = load(in[1], {imm(count - 1) - i}), fixed = load(in[1], {imm(17)}), sum = a + b;
        Ref<Expr> root = make(Call{.intrinsic = "exp", .args = {sum / literal(100, f32)}});
        return select(sum > fixed, root + sum, fixed * sum);
      },
      "an expression");
}

// Where its mask is false nothing is read, whatever the index.
TEST(Rows, MaskedLoadsAskForNothing) {
  std::vector<Ref<Buffer>> in = {buffer("a", shape_of({count}), f32)};
  auto shifted = [&](const Ref<Var>& i) -> Ref<Expr> {
    return make(Load{.buffer = in[0], .index = {i - 5}, .mask = Opt<Expr>(i >= imm(5))});
  };
  expect_same(in, {numbers(f32, 5)}, f32, shifted, "a masked load");
  EXPECT_EQ(interpret_kernel(*loop(in, f32, shifted, true), {numbers(f32, 5)})[0].number(4), 0);
}

// Loops of a nest fill rows together, bounds of inner ones may be any.
TEST(Rows, NestsRunInOrder) {
  Ref<Buffer> out = buffer("out", shape_of({4, 50, 7}), i64);
  Ref<Var> a = var("a"), b = var("b"), c = var("c");
  Ref<Stmt> body = store(out, {a, b - 2, c}, a * 1000 + (b - 2) * 10 + c);
  for (const auto& [v, begin, extent] : {std::tuple{c, 0, 7}, {b, 2, 50}, {a, 0, 4}})
    body = make(For{.begin = imm(begin), .extent = imm(extent), .var = v, .body = body});
  Array got =
      interpret_kernel(*make(Kernel{.id = "k", .params = {make(Param{.buffer = out, .access = Access::out})}, .body = body}), {})[0];
  for (int64_t i = 0; i < got.count(); ++i) ASSERT_EQ(got.integer(i), i / 350 * 1000 + i / 7 % 50 * 10 + i % 7);
}

// An inner loop whose length an outer one sets.
TEST(Rows, TrianglesAreNests) {
  Ref<Buffer> out = buffer("out", shape_of({20}), i64);
  Ref<Var> a = var("a"), b = var("b");
  Ref<Stmt> body = make(For{.begin = imm(0), .extent = imm(20) - a, .var = b, .body = store(out, {a + b}, a)});
  body = make(For{.begin = imm(0), .extent = imm(20), .var = a, .body = body});
  Array got =
      interpret_kernel(*make(Kernel{.id = "k", .params = {make(Param{.buffer = out, .access = Access::out})}, .body = body}), {})[0];
  for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(got.integer(i), i);
}

// What a row cannot do is reported as for the element that it is about; so is the end of the budget.
TEST(Rows, ErrorsAreThoseOfOneElement) {
  std::vector<Ref<Buffer>> in = {buffer("a", shape_of({count}), i64)};
  std::vector<Array> inputs = {Array::of(i64, {count}, std::vector<double>(count, 1))};
  auto beyond = [&](const Ref<Var>& i) -> Ref<Expr> { return load(in[0], {i + 100}); };
  expect_same(in, inputs, i64, beyond, "an index outside");
  EXPECT_THAT(outcome(loop(in, i64, beyond, true), inputs), testing::HasSubstr("reads a[300] outside its shape [300]"));
  auto divided = [&](const Ref<Var>& i) -> Ref<Expr> {
    return make(Binary{.op = BinaryOp::floordiv, .a = load(in[0], {i}), .b = i - 250});
  };
  expect_same(in, inputs, i64, divided, "a division by zero");
  EXPECT_THAT(outcome(loop(in, i64, divided, true), inputs), testing::HasSubstr("divides by zero"));
  Limits few{.steps = 200}, enough{.steps = count};
  auto plain = [&](const Ref<Var>& i) -> Ref<Expr> { return load(in[0], {i}); };
  EXPECT_THAT(outcome(loop(in, i64, plain, true), inputs, &few), testing::HasSubstr("budget of steps"));
  outcome(loop(in, i64, plain, true), inputs, &enough);
  EXPECT_EQ(enough.steps, 0);
}

} // namespace tw::interpreter

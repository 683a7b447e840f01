// SPDX-License-Identifier: Apache-2.0
#include "ops/call_kernel.h"
#include "ops/contents.h"
#include "ops/example.h"
#include "ops/reference.h"
#include "ops/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw::testing {
namespace {

Ref<Value> value(const Shape& shape, DType type = f32) { return make(Value{.id = "x", .type = tensor_type(shape, type)}); }
Ref<Attr> attr(const char* name, Attr::Value v) { return make(Attr{.name = name, .value = std::move(v)}); }
Ref<OpCall> op(const char* name, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs = {}) {
  return make(OpCall{.op = name, .args = std::move(args), .attrs = std::move(attrs)});
}
std::string message(const Ref<OpCall>& call) {
  try {
    ops::infer_types(*call);
    return "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
}

} // namespace

// What an operator demands is said with what was expected and what was found, and names the operator.
TEST(TypeRules, SayWhatWasExpectedAndFound) {
  Ref<Value> a = value(shape_of({2, 3})), image = value(shape_of({1, 4, 8, 8})), ints = value(shape_of({2, 3}), i64);
  Ref<Expr> minus = imm(-1);
  auto forest = [&](std::vector<Opt<Operand>> leaves, int64_t nodes = 3) {
    Ref<Value> indices = value(shape_of({3}), i32);
    std::vector<Opt<Operand>> args{a, value(shape_of({1}), i32), indices, value(shape_of({3})), value(shape_of({6}), i32)};
    for (auto& leaf : leaves) args.push_back(std::move(leaf));
    args.emplace_back(value(shape_of({nodes})));
    return op("tree_ensemble", std::move(args), {attr("comparison", Name("le"))});
  };
  Ref<Value> places = value(shape_of({3}), i64);
  const std::pair<Ref<OpCall>, const char*> table[] = {
      {op("relu", {}), "input 0 ('x') is missing"},
      {op("relu", {a, a}), "expected at most 1 inputs, found 2"},
      {op("exp", {ints}), "input 0 ('x') must have elements of kind float, found i64"},
      {op("add", {a, ints}), "inputs must have one element type, found f32 and i64"},
      {op("add", {a, value(shape_of({2, 4}))}), "shapes do not broadcast: sizes 3 and 4 in dimension 1 of 2"},
      {op("softmax", {a}, {attr("axis", int64_t{2})}), "axis must be in [-2, 2) for rank 2, found 2"},
      {op("matmul", {a, a}), "the inner dimensions of a matrix product must be equal, found 3 and 2"},
      {op("convolution", {image, value(shape_of({8, 3, 3, 3}))}),
       "input channels of the weights times groups must be equal, found 4 and 3"},
      {op("convolution", {image, value(shape_of({8, 4, 9, 3}))}), "a window of 9 must fit into a padded size of 8"},
      {op("convolution", {image, value(shape_of({8, 4, 3, 3}))}, {attr("strides", List<int64_t>{1, 0})}),
       "strides must be at least 1, found 0"},
      {op("convolution_transpose", {image, a}), "weights must have rank 4, found 2"},
      {op("convolution_transpose", {image, image}, {attr("phased", true)}), "weights by phases are for channels-last data"},
      {op("convolution_transpose", {image, image}, {attr("channels_last", true), attr("phased", true)}),
       "weights must have rank 6, found 4"},
      {op("convolution_transpose", {image, value(shape_of({2, 1, 2, 2, 8, 3}))},
          {attr("channels_last", true), attr("phased", true), attr("strides", List<int64_t>{2, 2})}),
       "the phases of the weights and the strides must be equal, found 1 and 2"},
      {op("convolution_transpose", {image, value(shape_of({2, 1, 2, 2, 8, 3}))},
          {attr("channels_last", true), attr("phased", true), attr("strides", List<int64_t>{2, 1}),
           attr("dilations", List<int64_t>{2, 1})}),
       "weights by phases need dilation 1 where the stride is 2, found 2"},
      {op("max_pool", {image}, {attr("kernel", shape_of({2}))}), "the kernel must have 2 spatial sizes, found 1"},
      {op("reshape", {a}, {attr("shape", shape_of({4, 2}))}), "cannot reshape 6 elements of shape (2, 3) to (4, 2)"},
      {op("reshape", {a}, {attr("shape", shape_of({-1, -1}))}), "sizes must not be negative, but for one -1; found (-1, -1)"},
      {op("transpose", {a}, {attr("axes", List<int64_t>{0, 0})}), "axes must be a permutation, found 0 twice"},
      {op("roll", {a}, {attr("shifts", List<int64_t>{1, 2}), attr("axes", List<int64_t>{0})}),
       "there must be one shift for each axis, found 2 for 1"},
      {op("concat", {a, image}), "inputs must have one rank, found 2 and 4"},
      {op("split", {a}, {attr("sizes", shape_of({1, 2}))}), "the size of the axis and the sum of the parts must be equal, found 2 and 3"},
      {op("pad", {a}, {attr("begin", shape_of({-3, 0})), attr("end", shape_of({0, 0}))}), "dimension 0 must not become negative, found -1"},
      {op("slice", {a}, {attr("begin", shape_of({0})), attr("end", shape_of({1})), attr("steps", List<int64_t>{0})}),
       "steps must not be 0"},
      {op("einsum", {a}, {attr("equation", Name("ijk->i"))}), "'ijk' in the equation does not fit an input of rank 2"},
      {op("resize", {a}, {attr("mode", Name("bilinear")), attr("sizes", shape_of({2, 3}))}),
       "mode must be one of nearest, linear, cubic, found 'bilinear'"},
      {forest({places, places, {}}), "weights without targets are one for each node, of a single target that is a sum or an average"},
      {forest({places, {}, places}), "expected both leaf_begin and leaf_end or neither"},
      {forest({{}, {}, {}}, 4), "the numbers of nodes and of their weights must be equal, found 3 and 4"},
      {op("quantize_linear", {a, value({}), value({}, f32)}), "input 2 ('zero_point') must have elements of kind int, found f32"},
      {op("scatter_nd", {a, value(shape_of({1, 1}), i64), value(shape_of({1, 4}))}),
       "sizes of updates and of what they replace must be equal, found 3 and 4"},
  };
  for (const auto& [call, expected] : table) {
    std::string found = message(call);
    EXPECT_THAT(found, ::testing::HasSubstr(expected));
    EXPECT_THAT(found, ::testing::HasSubstr("operator '" + call->op.str() + "'"));
  }
}

// Sizes stay symbolic through the rules, and what cannot be proven becomes an assumption that is checked at run time.
TEST(TypeRules, SizesStaySymbolic) {
  Ref<Var> n = dim("n", 1), m = dim("m", 1);
  auto type = [](const Ref<OpCall>& call) { return ops::to_string(ops::infer_types(*call)[0]->shape); };
  Ref<Value> x = value({n, imm(3), n, n});
  EXPECT_EQ(type(op("convolution", {x, value(shape_of({8, 3, 3, 3}))}, {attr("pads", shape_of({1, 1, 1, 1}))})), "(n, 8, n, n)");
  EXPECT_EQ(type(op("reshape", {x}, {attr("shape", Shape{n, imm(-1)})})), "(n, ((n * n) * 3))");
  EXPECT_EQ(type(op("slice", {x}, {attr("begin", shape_of({0})), attr("end", Shape{imm(std::numeric_limits<int64_t>::max())})})),
            "(n, 3, n, n)");
  EXPECT_EQ(type(op("concat", {x, x})), "((n * 2), 3, n, n)");
  std::vector<ops::TypeContext::Assumption> assumptions;
  ops::Types types = ops::infer_types(*op("add", {value({n}), value({m})}), &assumptions);
  EXPECT_EQ(types.size(), 1u);
  ASSERT_EQ(assumptions.size(), 1u);
  EXPECT_EQ(assumptions[0].text, "sizes that broadcast must be equal: n and m");
}

// A kernel built for symbolic sizes runs at several of them, among them none at all; a broken assumption is the user's error.
TEST(CallKernel, RunsAtEverySize) {
  Ref<Var> n = dim("n"), m = dim("m");
  Ref<Kernel> sum = ops::build_kernel(*op("reduce_sum", {value({n, m})}, {attr("axes", List<int64_t>{1}), attr("keepdims", false)}));
  for (int64_t rows : {0, 1, 3})
    for (int64_t columns : {0, 1, 4}) {
      Array x = tabulate(f32, {rows, columns}, [](const auto&) { return 2.0; });
      Array expected = tabulate(f32, {rows}, [&](const auto&) { return 2.0 * static_cast<double>(columns); });
      EXPECT_EQ(difference(interpreter::interpret_kernel(*sum, {x})[0], expected), "");
    }
  Ref<Kernel> add = ops::build_kernel(*op("add", {value({n}), value({m})}));
  Array two = noise(f32, {2}), three = noise(f32, {3});
  try {
    interpreter::interpret_kernel(*add, {two, three});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("sizes that broadcast must be equal"));
  }
}

// The arithmetic by which models compute shapes is followed symbolically: shape, gather, scale, concat, reshape.
TEST(Contents, FollowShapeArithmetic) {
  Ref<Var> n = dim("n", 1), m = dim("m", 1);
  auto fold = [](const Ref<OpCall>& call, std::vector<const ops::Contents*> inputs) {
    auto out = ops::fold_call(*call, inputs);
    return out ? out->at(0) : ops::Contents{};
  };
  Ref<Value> x = value({n, imm(3), m}), any = value({}, i64), vector = value(shape_of({1}), i64);
  ops::Contents shape = fold(op("shape_of", {x}), {nullptr});
  ASSERT_EQ(ops::to_string(Shape(shape.elements)), "(n, 3, m)");
  ops::Contents two{{}, {imm(2)}}, last{shape_of({1}), {imm(-1)}};
  ops::Contents picked = fold(op("gather", {value(shape_of({3}), i64), vector}), {&shape, &last});
  ops::Contents scaled = fold(op("mul", {vector, any}), {&picked, &two});
  ops::Contents halved = fold(op("div", {vector, any}), {&scaled, &two});
  ops::Contents all = fold(op("concat", {vector, vector, vector}), {&picked, &scaled, &halved});
  EXPECT_EQ(ops::to_string(Shape(all.elements)), "(m, (m * 2), m)");
  ops::Contents product = fold(op("reduce_prod", {value(shape_of({3}), i64)}, {attr("keepdims", false)}), {&shape});
  EXPECT_EQ(product.shape.size(), 0u);
  ops::Contents less = fold(op("less", {any, any}), {&two, &product});
  EXPECT_EQ(less.elements.size(), 1u);
  EXPECT_FALSE(ops::fold_call(*op("add", {any, any}), {&two, nullptr}));
}

} // namespace tw::testing

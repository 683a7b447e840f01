// SPDX-License-Identifier: Apache-2.0
// Sizes that the model computes: followed symbolically, decided while importing, or read at run time.
#include "import_support.h"

namespace tw::onnx::testing {
namespace {

TEST(ImportShapes, AReshapeToComputedSizesHasASymbolicType) {
  Builder b(13);
  b.input("x", {"n", 4, "s"})
      .constant("zero", {1}, {0})
      .constant("rest", {1}, {-1})
      .node("Shape", {"x"}, {"shape"})
      .node("Gather", {"shape", "zero"}, {"n"})
      .node("Concat", {"n", "rest"}, {"target"}, {{"axis", 0}})
      .node("Reshape", {"x", "target"}, {"y"})
      .output("y");
  Array y = b.run({floats({2, 4, 3}, std::vector<double>(24, 1))})[0];
  EXPECT_EQ(y.shape, (std::vector<int64_t>{2, 12}));
  EXPECT_THAT(result_type(b.import()), AllOf(HasSubstr("n"), HasSubstr("s"), HasSubstr("4")));
}

TEST(ImportShapes, AnOpenSizeIsFoundByStrikingOutEqualFactors) {
  Builder b(13);
  b.input("x", {"n", "s", 6}).constant("target", {4}, {0, 0, 2, -1}).node("Reshape", {"x", "target"}, {"y"}).output("y", {"n", "s", 2, 3});
  EXPECT_EQ(b.run({floats({2, 5, 6}, std::vector<double>(60, 1))})[0].shape, (std::vector<int64_t>{2, 5, 2, 3}));
}

TEST(ImportShapes, AllowzeroTakesZeroForASize) {
  Builder b(14);
  b.input("x", {0, 3}).constant("target", {2}, {3, 0}).node("Reshape", {"x", "target"}, {"y"}, {{"allowzero", 1}}).output("y");
  EXPECT_EQ(b.run({floats({0, 3}, {})})[0].shape, (std::vector<int64_t>{3, 0}));
}

TEST(ImportShapes, ShapesGivenAsDataAreReadWhenTheModelRuns) {
  Builder b(13);
  b.input("x", {2, 3, 4}).input("target", {3}, 7).node("Reshape", {"x", "target"}, {"y"}).output("y");
  std::vector<double> values(24, 1);
  EXPECT_EQ(b.run({floats({2, 3, 4}, values), ints({3}, {0, 6, 2})})[0].shape, (std::vector<int64_t>{2, 6, 2}));
  EXPECT_EQ(b.run({floats({2, 3, 4}, values), ints({3}, {4, -1, 1})})[0].shape, (std::vector<int64_t>{4, 6, 1}));
}

TEST(ImportShapes, SizesThatTheModelDeclaresTakeThePlaceOfSizesThatWouldBeRead) {
  Builder b(13);
  b.input("x", {"n"}).input("target", {2}, 7).node("Reshape", {"x", "target"}, {"y"}).output("y", {"?", 3});
  EXPECT_THAT(result_type(b.import()), HasSubstr("3"));
  EXPECT_EQ(b.run({floats({6}, std::vector<double>(6, 1)), ints({2}, {2, 3})})[0].shape, (std::vector<int64_t>{2, 3}));
}

TEST(ImportShapes, ARangeOfSymbolicLengthIsAsLongAsTheInput) {
  Builder b(13);
  b.input("x", {"n", 2})
      .constant("index", {}, {0})
      .constant("one", {}, {1})
      .node("Shape", {"x"}, {"shape"})
      .node("Gather", {"shape", "index"}, {"n"})
      .node("Range", {"index", "n", "one"}, {"y"})
      .output("y", {"n"}, 7);
  expect_near(b.run({floats({3, 2}, std::vector<double>(6, 1))})[0], {3}, {0, 1, 2});
}

TEST(ImportShapes, ARangeOfFloatsIsCountedAtRunTime) {
  expect_near(apply(13, "Range", {floats({}, {1}), floats({}, {2}), floats({}, {0.25})}), {4}, {1, 1.25, 1.5, 1.75});
}

TEST(ImportShapes, ADescendingRangeOfDataIsCountedAtRunTime) {
  expect_near(apply(13, "Range", {ints({}, {10}), ints({}, {4}), ints({}, {-3})}), {2}, {10, 7});
}

TEST(ImportShapes, TilePadExpandAndConstantOfShapeTakeComputedSizes) {
  Builder b(13);
  b.input("x", {"n"})
      .constant("two", {1}, {2})
      .node("Shape", {"x"}, {"n"})
      .node("Mul", {"n", "two"}, {"twice"})
      .node("ConstantOfShape", {"twice"}, {"zeros"})
      .node("Tile", {"x", "two"}, {"tiled"})
      .node("Add", {"zeros", "tiled"}, {"y"})
      .output("y");
  expect_near(b.run({floats({2}, {1, 2})})[0], {4}, {1, 2, 1, 2});
}

TEST(ImportShapes, TheNumberOfNonzeroElementsIsADimension) {
  Builder b(13);
  b.input("x", {2, 2}).node("NonZero", {"x"}, {"y"}).output("y");
  expect_near(b.run({floats({2, 2}, {1, 0, 3, 4})})[0], {2, 3}, {0, 1, 1, 0, 0, 1});
}

TEST(ImportShapes, SizesOfResizeFollowFromScalesOfSymbolicSizes) {
  Builder b(11);
  b.input("x", {1, 1, "h", 2})
      .weights("scales", {4}, {1, 1, 2, 1.5})
      .node("Resize", {"x", "", "scales"}, {"y"},
            {{"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}})
      .output("y");
  expect_near(b.run({floats({1, 1, 1, 2}, {1, 2})})[0], {1, 1, 2, 3}, {1, 1, 2, 1, 1, 2});
}

TEST(ImportShapes, FloatArithmeticOnConstantSizesIsEvaluated) {
  Builder b(9);
  b.input("x", {1, 1, 2, 2})
      .weights("factor", {4}, {1, 1, 1, 2})
      .node("Shape", {"x"}, {"shape"})
      .node("Cast", {"shape"}, {"float_shape"}, {{"to", 1}})
      .node("Mul", {"float_shape", "factor"}, {"wanted"})
      .node("Div", {"wanted", "float_shape"}, {"scales"})
      .node("Upsample", {"x", "scales"}, {"y"}, {{"mode", "nearest"}})
      .output("y");
  expect_near(b.run({floats({1, 1, 2, 2}, {1, 2, 3, 4})})[0], {1, 1, 2, 4}, {1, 1, 2, 2, 3, 3, 4, 4});
}

TEST(ImportShapes, DimensionsAndInputsCanBeFixed) {
  Builder b(13);
  b.input("x", {"n", 2}).input("axes", {1}, 7).node("ReduceSum", {"x", "axes"}, {"y"}, {{"keepdims", 0}}).output("y");
  ImportOptions options;
  options.dims["n"] = 3;
  options.values.emplace("axes", ints({1}, {1}));
  Ref<Module> module = b.import(options);
  EXPECT_THAT(result_type(module), HasSubstr("3"));
  expect_near(interpreter::interpret(module, "main", {floats({3, 2}, {1, 2, 3, 4, 5, 6})})[0], {3}, {3, 7, 11});
}

} // namespace
} // namespace tw::onnx::testing

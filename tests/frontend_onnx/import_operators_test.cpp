// SPDX-License-Identifier: Apache-2.0
// What the operators of each family give, in the forms that they had in old opsets and have in new ones.
#include "import_support.h"

namespace tw::onnx::testing {
namespace {

TEST(ImportOperators, LimitsOfClipAreAttributesAndLaterInputs) {
  expect_near(apply(7, "Clip", {floats({3}, {-1, 0.5, 9})}, {{"min", 0.0}, {"max", 6.0}}), {3}, {0, 0.5, 6});
  expect_near(apply(13, "Clip", {floats({3}, {-1, 0.5, 9}), floats({}, {0}), floats({}, {6})}), {3}, {0, 0.5, 6});
  Builder only_high(13);
  only_high.input("x", {2}).weights("high", {}, {1}).node("Clip", {"x", "", "high"}, {"y"}).output("y");
  expect_near(only_high.run({floats({2}, {-5, 5})})[0], {2}, {-5, 1});
}

TEST(ImportOperators, BroadcastingFollowsTheLastDimensionsOrInOpset6AnAxis) {
  expect_near(apply(13, "Add", {floats({2, 1}, {1, 2}), floats({2}, {10, 20})}), {2, 2}, {11, 21, 12, 22});
  expect_near(apply(6, "Add", {floats({2, 1}, {1, 2}), floats({2}, {10, 20})}, {{"axis", 0}, {"broadcast", 1}}), {2, 1}, {11, 22});
}

TEST(ImportOperators, IntegersDivideTowardsZero) {
  expect_near(apply(13, "Div", {ints({2}, {7, -7}), ints({2}, {2, 2})}), {2}, {3, -3});
  expect_near(apply(13, "Mod", {ints({1}, {-7}), ints({1}, {3})}), {1}, {2});
  expect_near(apply(13, "Mod", {ints({1}, {-7}), ints({1}, {3})}, {{"fmod", 1}}), {1}, {-1});
}

TEST(ImportOperators, DropoutKeepsEverythingAndSaysSo) {
  Builder b(13);
  b.input("x", {2}).node("Dropout", {"x"}, {"y", "kept"}).output("y").output("kept");
  auto results = b.run({floats({2}, {1, 2})});
  expect_near(results[0], {2}, {1, 2});
  expect_near(results[1], {2}, {1, 1});
  Builder training(13);
  training.input("x", {2}).weights("ratio", {}, {0.5}).node("Cast", {"ratio"}, {"on"}, {{"to", 9}});
  training.node("Dropout", {"x", "ratio", "on"}, {"y"}).output("y");
  EXPECT_THAT(training.failure().text, HasSubstr("training mode is not supported"));
}

TEST(ImportOperators, AxesOfReductionsAreAttributesAndLaterInputs) {
  Array x = floats({2, 2}, {1, 2, 3, 4});
  expect_near(apply(11, "ReduceSum", {x}, {{"axes", std::vector<int64_t>{1}}, {"keepdims", 0}}), {2}, {3, 7});
  expect_near(apply(11, "ReduceMax", {x}), {1, 1}, {4});
  Builder b(18);
  b.input("x", {2, 2}).constant("axes", {1}, {-1}).node("ReduceMean", {"x", "axes"}, {"y"}).output("y");
  expect_near(b.run({x})[0], {2, 1}, {1.5, 3.5});
  expect_near(apply(18, "ReduceSumSquare", {x}, {{"noop_with_empty_axes", 1}}), {2, 2}, {1, 4, 9, 16});
}

TEST(ImportOperators, SoftmaxWorkedOnMatricesUntilOpset12) {
  Array x = floats({1, 2, 2}, {0, 0, 0, 0});
  expect_near(apply(12, "Softmax", {x}), {1, 2, 2}, {0.25, 0.25, 0.25, 0.25});
  expect_near(apply(13, "Softmax", {x}), {1, 2, 2}, {0.5, 0.5, 0.5, 0.5});
  expect_near(apply(13, "Hardmax", {floats({2, 2}, {1, 3, 2, 2})}), {2, 2}, {0, 1, 1, 0});
}

TEST(ImportOperators, ConvolutionsPadByNumbersAndByRules) {
  Array x = floats({1, 1, 3}, {1, 2, 3}), w = floats({1, 1, 2}, {1, 10});
  expect_near(apply(11, "Conv", {x, w}), {1, 1, 2}, {21, 32});
  expect_near(apply(11, "Conv", {x, w}, {{"auto_pad", "SAME_UPPER"}}), {1, 1, 3}, {21, 32, 3});
  expect_near(apply(11, "Conv", {x, w}, {{"auto_pad", "SAME_LOWER"}}), {1, 1, 3}, {10, 21, 32});
  expect_near(apply(11, "Conv", {x, w, floats({1}, {0.5})}, {{"pads", std::vector<int64_t>{1, 0}}, {"strides", std::vector<int64_t>{2}}}),
              {1, 1, 2}, {10.5, 32.5});
  expect_near(apply(11, "ConvTranspose", {x, w}, {{"output_shape", std::vector<int64_t>{3}}}), {1, 1, 3}, {12, 23, 30});
}

TEST(ImportOperators, AFusedConvolutionAddsAndActivates) {
  Array x = floats({1, 1, 2}, {1, -2}), w = floats({1, 1, 1}, {1}), zero = floats({1}, {0}), sum = floats({1, 1, 2}, {0, 1});
  expect_near(apply(1, "FusedConv", {x, w, zero, sum}, {{"activation", "LeakyRelu"}, {"activation_params", std::vector<float>{0.5f}}},
                    "com.microsoft"),
              {1, 1, 2}, {1, -0.5});
  expect_near(apply(1, "FusedConv", {x, w, zero}, {{"activation", "HardSigmoid"}, {"activation_params", std::vector<float>{0.5f, 0.5f}}},
                    "com.microsoft"),
              {1, 1, 2}, {1, 0});
}

TEST(ImportOperators, GemmScalesTransposesAndAdds) {
  Array a = floats({1, 2}, {1, 2}), b = floats({1, 2}, {3, 4}), c = floats({1}, {10});
  expect_near(apply(13, "Gemm", {a, b, c}, {{"transB", 1}, {"alpha", 2.0}, {"beta", 0.5}}), {1, 1}, {27});
  expect_near(apply(1, "FusedMatMul", {a, b}, {{"transA", 1}, {"alpha", 2.0}}, "com.microsoft"), {2, 2}, {6, 8, 12, 16});
}

TEST(ImportOperators, PoolsTakeWindowsPadsAndRounding) {
  Array x = floats({1, 1, 4}, {1, 3, 2, 5});
  expect_near(
      apply(12, "MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{3}}, {"strides", std::vector<int64_t>{2}}, {"ceil_mode", 1}}),
      {1, 1, 2}, {3, 5});
  expect_near(apply(11, "AveragePool", {x},
                    {{"kernel_shape", std::vector<int64_t>{2}}, {"pads", std::vector<int64_t>{1, 0}}, {"count_include_pad", 1}}),
              {1, 1, 4}, {0.5, 2, 2.5, 3.5});
  expect_near(apply(11, "GlobalLpPool", {x}, {{"p", 3}}), {1, 1, 1}, {std::cbrt(1 + 27 + 8 + 125.0)}, 1e-4);
}

TEST(ImportOperators, NormalisationsOfEachKind) {
  Array x = floats({1, 2, 2}, {1, 3, 2, 6}), one = floats({2}, {1, 1}), zero = floats({2}, {0, 0});
  expect_near(apply(15, "InstanceNormalization", {x, one, zero}, {{"epsilon", 0.0}}), {1, 2, 2}, {-1, 1, -1, 1});
  expect_near(apply(18, "GroupNormalization", {x, one, zero}, {{"epsilon", 0.0}, {"num_groups", 2}}), {1, 2, 2}, {-1, 1, -1, 1});
  expect_near(apply(21, "GroupNormalization", {x, one, zero}, {{"epsilon", 0.0}, {"num_groups", 2}}), {1, 2, 2}, {-1, 1, -1, 1});
  expect_near(apply(17, "LayerNormalization", {x, one, zero}, {{"epsilon", 0.0}}), {1, 2, 2}, {-1, 1, -1, 1});
  expect_near(apply(1, "SkipLayerNormalization", {x, x, one, zero}, {{"epsilon", 0.0}}, "com.microsoft"), {1, 2, 2}, {-1, 1, -1, 1});
  expect_near(apply(15, "BatchNormalization", {x, one, zero, zero, one}, {{"epsilon", 0.0}}), {1, 2, 2}, {1, 3, 2, 6});
}

TEST(ImportOperators, SlicesByAttributesAndByInputs) {
  Array x = floats({5}, {0, 1, 2, 3, 4});
  expect_near(apply(9, "Slice", {x}, {{"starts", std::vector<int64_t>{-3}}, {"ends", std::vector<int64_t>{1000}}}), {3}, {2, 3, 4});
  expect_near(apply(13, "Slice", {x, ints({1}, {-2}), ints({1}, {-100})}), {0}, {});
  Builder b(13);
  b.input("x", {5}).constant("from", {1}, {-1}).constant("to", {1}, {-100}).constant("axis", {1}, {0}).constant("step", {1}, {-2});
  b.node("Slice", {"x", "from", "to", "axis", "step"}, {"y"}).output("y");
  expect_near(b.run({x})[0], {3}, {4, 2, 0});
}

TEST(ImportOperators, SplitsIntoEqualGivenAndUnequalParts) {
  Builder equal(11), given(13), unequal(18);
  equal.input("x", {4}).node("Split", {"x"}, {"a", "y"}).output("y");
  given.input("x", {4}).constant("sizes", {2}, {1, 3}).node("Split", {"x", "sizes"}, {"a", "y"}).output("y");
  unequal.input("x", {4}).node("Split", {"x"}, {"a", "b", "y"}, {{"num_outputs", 3}}).output("y");
  Array x = floats({4}, {1, 2, 3, 4});
  expect_near(equal.run({x})[0], {2}, {3, 4});
  expect_near(given.run({x})[0], {3}, {2, 3, 4});
  EXPECT_EQ(unequal.run({x})[0].shape, (std::vector<int64_t>{0}));
}

TEST(ImportOperators, PadsByAttributesAndByInputsForSomeAxes) {
  Array x = floats({1, 2}, {1, 2});
  expect_near(apply(10, "Pad", {x}, {{"pads", std::vector<int64_t>{0, 1, 0, 0}}, {"value", 9.0}}), {1, 3}, {9, 1, 2});
  Builder b(18);
  b.input("x", {1, 2}).constant("pads", {2}, {0, 1}).weights("value", {}, {5}).constant("axes", {1}, {-1});
  b.node("Pad", {"x", "pads", "value", "axes"}, {"y"}).output("y");
  expect_near(b.run({x})[0], {1, 3}, {1, 2, 5});
  Builder of_node(18);
  of_node.input("x", {1, 2}).constant("pads", {2}, {1, 0}).node("Constant", {}, {"axes"}, {{"value_ints", std::vector<int64_t>{-2}}});
  of_node.node("Pad", {"x", "pads", "", "axes"}, {"y"}).output("y");
  expect_near(of_node.run({x})[0], {2, 2}, {0, 0, 1, 2});
}

TEST(ImportOperators, AxesOfPadMayBeKnownOnlyToTheRun) {
  auto padded = [](const Array& x, std::vector<double> pads, std::vector<double> axes, const char* mode = "constant") {
    auto count = static_cast<int64_t>(axes.size());
    return apply(18, "Pad", {x, ints({2 * count}, pads), floats({}, {5}), ints({count}, axes)}, {{"mode", mode}});
  };
  Array x = floats({1, 2}, {1, 2});
  expect_near(padded(x, {1, 1}, {1}), {1, 4}, {5, 1, 2, 5});
  expect_near(padded(x, {1, -1, 0, 0}, {-2, -1}), {2, 1}, {5, 2});
  expect_near(padded(x, {0, 0, 1, 2}, {1, 0}, "edge"), {3, 3}, {1, 2, 2, 1, 2, 2, 1, 2, 2});
  expect_near(padded(floats({0, 2}, {}), {1, 0}, {1}, "reflect"), {0, 3}, {});
  EXPECT_THAT(failure_of([&] { padded(x, {1, 1}, {2}); }).text, HasSubstr("axes must be from -2 to 1"));
  EXPECT_THAT(failure_of([&] {
                padded(floats({0, 2}, {}), {1, 0}, {0}, "reflect");
              }).text,
              HasSubstr("mode reflect needs elements in dimension 0"));
  Builder unknown(18);
  unknown.input("x", {1, 2}).input("pads", {"p"}, 7).input("axes", {"a"}, 7).node("Pad", {"x", "pads", "", "axes"}, {"y"}).output("y");
  EXPECT_THAT(unknown.failure().text, HasSubstr("input 1 ('pads') has an unknown number of elements"));
}

TEST(ImportOperators, SelectionByIndices) {
  Array x = floats({3}, {3, 1, 2});
  expect_near(apply(13, "Gather", {x, ints({2}, {0, -1})}), {2}, {3, 2});
  expect_near(apply(9, "TopK", {x}, {{"k", 2}}), {2}, {3, 2});
  expect_near(apply(13, "OneHot", {ints({2}, {0, 1}), ints({1}, {2}), floats({2}, {0, 5})}), {2, 2}, {5, 0, 0, 5});
  expect_near(apply(16, "ScatterElements", {x, ints({1}, {1}), floats({1}, {10})}, {{"reduction", "add"}}), {3}, {3, 11, 2});
  expect_near(apply(13, "Compress", {x, Array::of(boolean, {3}, {1, 0, 1})}, {{"axis", 0}}), {2}, {3, 2});
  EXPECT_THAT(failure_of([&] {
                apply(16, "ScatterND", {x, ints({1, 1}, {1}), floats({1}, {1})}, {{"reduction", "sub"}});
              }).text,
              HasSubstr("none, add, mul, max or min, found 'sub'"));
}

TEST(ImportOperators, QuantisedNumbersAndBack) {
  Array scale = floats({1}, {0.5}), point = Array::of(u8, {1}, {10});
  expect_near(apply(13, "QuantizeLinear", {floats({2}, {1, -2}), scale, point}), {2}, {12, 6});
  expect_near(apply(13, "DequantizeLinear", {Array::of(u8, {2}, {12, 6}), scale, point}), {2}, {1, -2});
}

TEST(ImportOperators, RecurrentActivationsTakeTheirParametersInOrder) {
  std::vector<A> attributes{
      {"hidden_size", 1}, {"activations", std::vector<std::string>{"LeakyRelu"}}, {"activation_alpha", std::vector<float>{0.5f}}};
  Array x = floats({2, 1, 1}, {-4, 2}), w = floats({1, 1, 1}, {1}), r = floats({1, 1, 1}, {1});
  expect_near(apply(14, "RNN", {x, w, r}, attributes), {2, 1, 1, 1}, {-2, 0});
  attributes[1] = {"activations", std::vector<std::string>{"Wild"}};
  EXPECT_THAT(failure_of([&] { apply(14, "RNN", {x, w, r}, attributes); }).text, HasSubstr("activation 'Wild'"));
}

TEST(ImportOperators, OldUpsampleAndNewResizeMeasurePlacesDifferently) {
  Array x = floats({1, 1, 2}, {1, 3});
  expect_near(apply(7, "Upsample", {x}, {{"scales", std::vector<float>{1, 1, 2}}, {"mode", "linear"}}), {1, 1, 4}, {1, 2, 3, 3});
  Builder b(13);
  b.input("x", {1, 1, 2}).constant("sizes", {3}, {1, 1, 4}).node("Resize", {"x", "", "", "sizes"}, {"y"}, {{"mode", "linear"}}).output("y");
  expect_near(b.run({x})[0], {1, 1, 4}, {1, 1.5, 2.5, 3});
}

TEST(ImportOperators, LossesIgnoreWeighAndReduce) {
  Array log_probabilities = floats({2, 2}, {-1, -2, -3, -4}), labels = ints({2}, {1, 0}), weights = floats({2}, {1, 3});
  expect_near(apply(13, "NegativeLogLikelihoodLoss", {log_probabilities, labels}), {}, {2.5});
  expect_near(apply(13, "NegativeLogLikelihoodLoss", {log_probabilities, labels, weights}, {{"reduction", "none"}}), {2}, {6, 3});
  expect_near(apply(13, "NegativeLogLikelihoodLoss", {log_probabilities, labels}, {{"ignore_index", 0}}), {}, {2});
  expect_near(apply(13, "SoftmaxCrossEntropyLoss", {floats({1, 2}, {0, 0}), ints({1}, {0})}, {{"reduction", "sum"}}), {}, {std::log(2.0)});
}

TEST(ImportOperators, AttentionSharesHeadsMasksAndGivesZeroWhereNothingIsAllowed) {
  // One batch, two heads of queries that share one of keys, two keys; the first query sees the first key only, the second none.
  Array q = floats({1, 2, 2, 1}, {1, 1, 1, 1}), k = floats({1, 1, 2, 1}, {1, 1}), v = floats({1, 1, 2, 1}, {3, 5});
  expect_near(apply(23, "Attention", {q, k, v}), {1, 2, 2, 1}, {4, 4, 4, 4});
  expect_near(apply(23, "Attention", {q, k, v}, {{"is_causal", 1}}), {1, 2, 2, 1}, {3, 4, 3, 4});
  expect_near(apply(23, "Attention", {q, k, v, Array::of(boolean, {2, 2}, {1, 0, 0, 0})}), {1, 2, 2, 1}, {3, 0, 3, 0});
}

TEST(ImportOperators, RotaryEmbeddingTurnsHalvesOrNeighbours) {
  Array x = floats({1, 1, 1, 4}, {1, 2, 3, 4}), cosine = floats({1, 1, 2}, {0, 1}), sine = floats({1, 1, 2}, {1, 0});
  expect_near(apply(23, "RotaryEmbedding", {x, cosine, sine}), {1, 1, 1, 4}, {-3, 2, 1, 4});
  expect_near(apply(23, "RotaryEmbedding", {x, cosine, sine}, {{"interleaved", 1}}), {1, 1, 1, 4}, {-2, 1, 3, 4});
}

std::vector<A> stump(const char* prefix, std::vector<int64_t> ids, std::vector<float> weights) {
  std::string name = prefix;
  return {{"nodes_treeids", std::vector<int64_t>{0, 0, 0}},
          {"nodes_nodeids", std::vector<int64_t>{0, 1, 2}},
          {"nodes_featureids", std::vector<int64_t>{1, 0, 0}},
          {"nodes_values", std::vector<float>{2, 0, 0}},
          {"nodes_modes", std::vector<std::string>{"BRANCH_LEQ", "LEAF", "LEAF"}},
          {"nodes_truenodeids", std::vector<int64_t>{1, 0, 0}},
          {"nodes_falsenodeids", std::vector<int64_t>{2, 0, 0}},
          {name + "_treeids", std::vector<int64_t>{0, 0}},
          {name + "_nodeids", std::vector<int64_t>{1, 2}},
          {name + "_ids", std::move(ids)},
          {name + "_weights", std::move(weights)}};
}

TEST(ImportOperators, TreesVoteForTargetsAndClasses) {
  Array x = floats({2, 2}, {0, 1, 0, 3});
  auto regressor = stump("target", {0, 0}, {10, 20});
  regressor.push_back({"base_values", std::vector<float>{1}});
  expect_near(apply(3, "TreeEnsembleRegressor", {x}, regressor, "ai.onnx.ml"), {2, 1}, {11, 21});
  auto classifier = stump("class", {0, 1}, {1, 2});
  classifier.push_back({"classlabels_int64s", std::vector<int64_t>{7, 8}});
  expect_near(apply(3, "TreeEnsembleClassifier", {x}, classifier, "ai.onnx.ml"), {2}, {7, 8});
  auto binary = stump("class", {1, 1}, {0.25, 0.75});
  binary.push_back({"classlabels_int64s", std::vector<int64_t>{7, 8}});
  expect_near(apply(3, "TreeEnsembleClassifier", {x}, binary, "ai.onnx.ml"), {2}, {7, 8});
  regressor[5] = {"nodes_truenodeids", std::vector<int64_t>{9, 0, 0}};
  EXPECT_THAT(failure_of([&] { apply(3, "TreeEnsembleRegressor", {x}, regressor, "ai.onnx.ml"); }).text, HasSubstr("tree 0 has no node 9"));
}

} // namespace
} // namespace tw::onnx::testing

// SPDX-License-Identifier: Apache-2.0
// If: decided while importing where shapes decide it, else a Branch.
#include "import_support.h"

namespace tw::onnx::testing {
namespace {

::onnx::GraphProto one_node_graph(const char* op_type, const Names& inputs, const char* output, const std::vector<A>& attributes = {}) {
  ::onnx::GraphProto graph;
  graph.set_name(output);
  auto& node = add_node(graph, op_type, inputs, {output}, output);
  for (const auto& a : attributes) set_attribute(node, a);
  graph.add_output()->set_name(output);
  return graph;
}

bool has_branch(const Ref<Module>& module) {
  for (const auto& binding : as<Function>(module->functions[0])->body->bindings)
    if (as<Branch>(binding->operation)) return true;
  return false;
}

TEST(ImportControl, AConditionThatDependsOnDataKeepsBothBranches) {
  Builder b(13);
  b.input("c", {}, 9)
      .input("x", {"n"})
      .node("If", {"c"}, {"y"},
            {{"then_branch", one_node_graph("Relu", {"x"}, "positive")}, {"else_branch", one_node_graph("Neg", {"x"}, "negative")}})
      .output("y");
  EXPECT_TRUE(has_branch(b.import()));
  expect_near(b.run({Array::of(boolean, {}, {1}), floats({2}, {-1, 2})})[0], {2}, {0, 2});
  expect_near(b.run({Array::of(boolean, {}, {0}), floats({2}, {-1, 2})})[0], {2}, {1, -2});
}

TEST(ImportControl, SizesInWhichTheBranchesDifferBecomeADimension) {
  Builder b(13);
  b.input("c", {}, 9)
      .input("x", {2})
      .node("If", {"c"}, {"z"},
            {{"then_branch", one_node_graph("Identity", {"x"}, "same")},
             {"else_branch", one_node_graph("Concat", {"x", "x"}, "double", {{"axis", 0}})}})
      .node("Neg", {"z"}, {"y"})
      .output("y");
  expect_near(b.run({Array::of(boolean, {}, {1}), floats({2}, {1, 2})})[0], {2}, {-1, -2});
  expect_near(b.run({Array::of(boolean, {}, {0}), floats({2}, {1, 2})})[0], {4}, {-1, -2, -1, -2});
}

Builder squeeze_if_one(const Dim& size) {
  Builder b(11);
  b.input("x", {2, size})
      .constant("one", {}, {1})
      .node("Shape", {"x"}, {"shape"})
      .node("Gather", {"shape", "one"}, {"size"})
      .node("Equal", {"size", "one"}, {"c"})
      .node("If", {"c"}, {"y"},
            {{"then_branch", one_node_graph("Squeeze", {"x"}, "squeezed", {{"axes", std::vector<int64_t>{1}}})},
             {"else_branch", one_node_graph("Identity", {"x"}, "kept")}})
      .output("y");
  return b;
}

TEST(ImportControl, AConditionOnAKnownSizeTakesOneBranch) {
  Builder one = squeeze_if_one(1), three = squeeze_if_one(3);
  EXPECT_FALSE(has_branch(one.import()));
  EXPECT_EQ(one.run({floats({2, 1}, {1, 2})})[0].shape, (std::vector<int64_t>{2}));
  EXPECT_EQ(three.run({floats({2, 3}, std::vector<double>(6, 1))})[0].shape, (std::vector<int64_t>{2, 3}));
}

TEST(ImportControl, ARankThatDependsOnASizeIsTheSmallerOneAndTheRunChecksIt) {
  Builder b = squeeze_if_one("n");
  EXPECT_EQ(b.run({floats({2, 1}, {1, 2})})[0].shape, (std::vector<int64_t>{2}));
  EXPECT_EQ(failure_of([&] { b.run({floats({2, 3}, std::vector<double>(6, 1))}); }).kind, ErrorKind::user);
}

void add_value(::onnx::GraphProto& graph, bool input, const char* name, int element, std::vector<Dim> dims) {
  Builder scratch;
  if (input) *graph.add_input() = scratch.input(name, dims, element).graph().input(0);
  else *graph.add_output() = scratch.output(name, dims, element).graph().output(0);
}

// Body of Loop: total += x, gives each total; goes on while the total is below 10.
::onnx::GraphProto summing_body(bool conditional) {
  ::onnx::GraphProto graph;
  add_value(graph, true, "i", 7, {});
  add_value(graph, true, "before", 9, {});
  add_value(graph, true, "total", 1, {});
  add_node(graph, "Add", {"total", "step"}, {"next"}, "add");
  if (conditional) add_node(graph, "Less", {"next", "limit"}, {"after"}, "less");
  else add_node(graph, "Identity", {"before"}, {"after"}, "on");
  add_node(graph, "Identity", {"next"}, {"seen"}, "seen");
  add_value(graph, false, "after", 9, {});
  add_value(graph, false, "next", 1, {});
  add_value(graph, false, "seen", 1, {});
  return graph;
}

Builder summing_loop(bool conditional) {
  Builder b(13);
  b.input("count", {}, 7)
      .input("step", {})
      .weights("zero", {}, {0})
      .weights("limit", {}, {10})
      .node("Loop", {"count", "", "zero"}, {"sum", "all"}, {{"body", summing_body(conditional)}})
      .output("sum")
      .output("all");
  return b;
}

TEST(ImportControl, ALoopCarriesValuesAndStacksOthers) {
  auto results = summing_loop(false).run({ints({}, {3}), floats({}, {2})});
  expect_near(results[0], {}, {6});
  expect_near(results[1], {3}, {2, 4, 6});
}

TEST(ImportControl, ALoopEndsWhenItsConditionSaysSo) {
  auto results = summing_loop(true).run({ints({}, {100}), floats({}, {4})});
  expect_near(results[0], {}, {12});
  expect_near(results[1], {3}, {4, 8, 12});
}

TEST(ImportControl, AValueMayGrowInALoopOfAFewKnownIterationsOnly) {
  ::onnx::GraphProto body;
  add_value(body, true, "i", 7, {});
  add_value(body, true, "on", 9, {});
  add_value(body, true, "list", 1, {1});
  add_node(body, "Concat", {"list", "list"}, {"longer"}, "concat").add_attribute()->set_name("axis");
  body.mutable_node(0)->mutable_attribute(0)->set_type(::onnx::AttributeProto::INT);
  add_value(body, false, "on", 9, {});
  body.add_output()->set_name("longer");
  Builder known(13);
  known.input("x", {1}).constant("count", {}, {2}).node("Loop", {"count", "", "x"}, {"y"}, {{"body", body}}).output("y");
  expect_near(known.run({floats({1}, {3})})[0], {4}, {3, 3, 3, 3});
  Builder b(13);
  b.input("x", {1}).input("count", {}, 7).node("Loop", {"count", "", "x"}, {"y"}, {{"body", body}}).output("y");
  Failure failure = b.failure();
  EXPECT_EQ(failure.kind, ErrorKind::unsupported);
  EXPECT_THAT(failure.text, AllOf(HasSubstr("carried value 0 begins as f32(1,) and becomes f32(2,)"), HasSubstr("Loop_0")));
}

TEST(ImportControl, AScanRunsOverSlicesInEitherDirection) {
  ::onnx::GraphProto body;
  add_value(body, true, "total", 1, {2});
  add_value(body, true, "row", 1, {2});
  add_node(body, "Add", {"total", "row"}, {"next"}, "add");
  add_node(body, "Identity", {"next"}, {"seen"}, "seen");
  add_value(body, false, "next", 1, {2});
  add_value(body, false, "seen", 1, {2});
  Builder b(13);
  b.input("zero", {2})
      .input("x", {"n", 2})
      .node("Scan", {"zero", "x"}, {"sum", "all"},
            {{"body", body}, {"num_scan_inputs", 1}, {"scan_input_directions", std::vector<int64_t>{1}}})
      .output("sum")
      .output("all", {"n", 2});
  auto results = b.run({floats({2}, {0, 0}), floats({3, 2}, {1, 2, 3, 4, 5, 6})});
  expect_near(results[0], {2}, {9, 12});
  expect_near(results[1], {3, 2}, {5, 6, 8, 10, 9, 12});
}

} // namespace
} // namespace tw::onnx::testing

// SPDX-License-Identifier: Apache-2.0
// Model-local functions: what a call becomes, and functions that cannot be inlined.
#include "frontends/onnx/attributes.h"
#include "models.h"

#include <set>

namespace tw::onnx::testing {
namespace {

using A = ::onnx::AttributeProto;

::onnx::FunctionProto& add_function(::onnx::ModelProto& model, const char* name, const Names& inputs, const Names& outputs) {
  auto& function = *model.add_functions();
  function.set_name(name);
  function.set_domain("local");
  for (const auto& input : inputs) function.add_input(input);
  for (const auto& output : outputs) function.add_output(output);
  function.add_opset_import()->set_version(13);
  return function;
}

::onnx::NodeProto& add_call(::onnx::ModelProto& model, const char* function, const Names& inputs, const Names& outputs,
                            const char* name = "call") {
  auto& node = add_node(*model.mutable_graph(), function, inputs, outputs, name);
  node.set_domain("local");
  return node;
}

void refer(::onnx::NodeProto& node, const char* name, const char* reference) {
  add_attribute(node, name, A::FLOAT).set_ref_attr_name(reference);
}

TEST(Functions, ACallBecomesTheFunctionsNodesWithItsOwnOpsetAndNewNames) {
  auto proto = empty_model();
  auto& function = add_function(proto, "Twice", {"a"}, {"c"});
  add_node(function, "Relu", {"a"}, {"b"}, "inner");
  add_node(function, "Neg", {"b"}, {"c"});
  add_call(proto, "Twice", {"x"}, {"y"});
  Model model = read(proto);
  ASSERT_EQ(model.graph.nodes.size(), 2u);
  EXPECT_EQ(model.graph.nodes[0].name, "call/inner");
  EXPECT_THAT(model.graph.nodes[0].inputs, ElementsAre("x"));
  EXPECT_THAT(model.graph.nodes[0].outputs, ElementsAre("call/b"));
  EXPECT_THAT(model.graph.nodes[1].outputs, ElementsAre("y"));
  EXPECT_EQ(model.graph.nodes[0].opset, 13);
}

TEST(Functions, NamesStayUniqueWhenAFunctionIsCalledTwiceUnderOneName) {
  auto proto = empty_model();
  auto& function = add_function(proto, "F", {"a"}, {"c"});
  add_node(function, "Relu", {"a"}, {"b"});
  add_node(function, "Neg", {"b"}, {"c"});
  add_call(proto, "F", {"x"}, {"call/b"});
  add_call(proto, "F", {"call/b"}, {"y"});
  Model model = read(proto);
  std::set<std::string> outputs;
  for (const Node& node : model.graph.nodes) outputs.insert(node.outputs.begin(), node.outputs.end());
  EXPECT_EQ(outputs.size(), 4u);
}

TEST(Functions, AttributesComeFromTheCallOrTheDefaultOrAreLeftOut) {
  auto proto = empty_model();
  auto& function = add_function(proto, "F", {"a"}, {"b"});
  auto& body = add_node(function, "Selu", {"a"}, {"b"});
  refer(body, "alpha", "given"), refer(body, "gamma", "usual"), refer(body, "other", "absent");
  function.add_attribute("given"), function.add_attribute("absent");
  auto& usual = *function.add_attribute_proto();
  usual.set_name("usual"), usual.set_type(A::FLOAT), usual.set_f(3);
  add_attribute(add_call(proto, "F", {"x"}, {"y"}), "given", A::FLOAT).set_f(2);
  Model model = read(proto);
  const Node& node = model.graph.nodes[0];
  EXPECT_EQ(attribute_float(node, "alpha"), 2);
  EXPECT_EQ(attribute_float(node, "gamma"), 3);
  EXPECT_FALSE(has_attribute(node, "other"));
}

TEST(Functions, CallsInsideFunctionsAndSubgraphsAreInlinedToo) {
  auto proto = empty_model();
  auto& inner = add_function(proto, "Inner", {"a"}, {"b"});
  inner.add_attribute("slope");
  refer(add_node(inner, "LeakyRelu", {"a"}, {"b"}), "alpha", "slope");
  auto& outer = add_function(proto, "Outer", {"a"}, {"b"});
  outer.add_attribute("gain");
  auto& choose = add_node(outer, "If", {"a"}, {"b"}, "if");
  auto& branch = *add_attribute(choose, "then_branch", A::GRAPH).mutable_g();
  auto& call = add_node(branch, "Inner", {"a"}, {"t"}, "deep");
  call.set_domain("local");
  refer(call, "slope", "gain");
  branch.add_output()->set_name("t");
  add_attribute(add_call(proto, "Outer", {"x"}, {"y"}), "gain", A::FLOAT).set_f(0.25f);
  Model model = read(proto);
  const Graph& then = attribute_graph(model.graph.nodes[0], "then_branch");
  ASSERT_EQ(then.nodes.size(), 1u);
  EXPECT_EQ(then.nodes[0].op_type, "LeakyRelu");
  EXPECT_EQ(attribute_float(then.nodes[0], "alpha"), 0.25f);
  EXPECT_THAT(then.nodes[0].inputs, ElementsAre("x"));
  EXPECT_EQ(then.outputs[0].name, then.nodes[0].outputs[0]);
}

TEST(Functions, MissingInputsAndUnwantedOutputsAreLeftOut) {
  auto proto = empty_model();
  auto& function = add_function(proto, "F", {"a", "optional"}, {"b", "c"});
  add_node(function, "Clip", {"a", "optional"}, {"b"});
  add_node(function, "Neg", {"a"}, {"c"});
  add_call(proto, "F", {"x"}, {"y"});
  Model model = read(proto);
  EXPECT_THAT(model.graph.nodes[0].inputs, ElementsAre("x", ""));
  EXPECT_EQ(model.graph.nodes.size(), 2u);
}

TEST(Functions, AnInputThatIsAnOutputIsCopied) {
  auto proto = empty_model();
  add_function(proto, "F", {"a"}, {"a"});
  add_call(proto, "F", {"x"}, {"y"});
  Model model = read(proto);
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  EXPECT_EQ(model.graph.nodes[0].op_type, "Identity");
  EXPECT_THAT(model.graph.nodes[0].outputs, ElementsAre("y"));
}

TEST(Functions, RecursionIsRefusedWithTheChain) {
  auto proto = empty_model();
  add_node(add_function(proto, "A", {"a"}, {"b"}), "B", {"a"}, {"b"}).set_domain("local");
  add_node(add_function(proto, "B", {"a"}, {"b"}), "A", {"a"}, {"b"}).set_domain("local");
  add_call(proto, "A", {"x"}, {"y"});
  EXPECT_THAT(user_mistake(proto), HasSubstr("function 'local.A' calls function 'local.B' calls function 'local.A'"));
}

TEST(Functions, AChainThatDoublesAtEachStepIsStoppedBeforeItFillsTheMemory) {
  auto proto = empty_model();
  for (int i = 0; i < 40; ++i) {
    auto& function = add_function(proto, ("F" + std::to_string(i)).c_str(), {"a"}, {"c"});
    std::string callee = i == 0 ? "Relu" : "F" + std::to_string(i - 1);
    for (auto& node : {&add_node(function, callee.c_str(), {"a"}, {"b"}), &add_node(function, callee.c_str(), {"b"}, {"c"})})
      if (i > 0) node->set_domain("local");
  }
  add_call(proto, "F39", {"x"}, {"y"});
  EXPECT_THAT(user_mistake(proto), HasSubstr("functions expand to more than"));
}

TEST(Functions, ADeepChainIsStopped) {
  auto proto = empty_model();
  for (int i = 0; i < 3000; ++i) {
    std::string callee = "F" + std::to_string(i - 1);
    auto& node = add_node(add_function(proto, ("F" + std::to_string(i)).c_str(), {"a"}, {"b"}), i ? callee.c_str() : "Relu", {"a"}, {"b"});
    if (i > 0) node.set_domain("local");
  }
  add_call(proto, "F2999", {"x"}, {"y"});
  EXPECT_THAT(user_mistake(proto), HasSubstr("nest more than 100 deep"));
}

TEST(Functions, CallsThatDoNotFitAreRefused) {
  auto proto = empty_model();
  auto& function = add_function(proto, "F", {"a"}, {"b"});
  add_node(function, "Relu", {"a"}, {"b"});
  auto extra_input = proto, extra_output = proto, twice = proto;
  add_call(extra_input, "F", {"x", "x"}, {"y"});
  EXPECT_THAT(user_mistake(extra_input), HasSubstr("function 'local.F' has 1 inputs, but the call gives 2"));
  add_call(extra_output, "F", {"x"}, {"y", "z"});
  EXPECT_THAT(user_mistake(extra_output), HasSubstr("has 1 outputs, but the call wants 2"));
  *twice.add_functions() = function;
  EXPECT_THAT(user_mistake(twice), HasSubstr("function 'local.F' is defined twice"));
}

TEST(Functions, BodiesMustDefineWhatTheyReadAndReturn) {
  auto proto = empty_model();
  auto& function = add_function(proto, "F", {"a"}, {"b"});
  add_node(function, "Add", {"a", "ghost"}, {"b"}, "add");
  add_call(proto, "F", {"x"}, {"y"});
  EXPECT_THAT(user_mistake(proto),
              AllOf(HasSubstr("'ghost' is read, but nothing in function 'local.F' defines it"), HasSubstr("node 'call' (local.F)")));
  proto = empty_model();
  add_function(proto, "F", {"a"}, {"b"});
  add_call(proto, "F", {"x"}, {"y"});
  EXPECT_THAT(user_mistake(proto), HasSubstr("function 'local.F' never computes its output 'b'"));
  proto = empty_model();
  refer(add_node(add_function(proto, "F", {"a"}, {"b"}), "Elu", {"a"}, {"b"}), "alpha", "nothing");
  add_call(proto, "F", {"x"}, {"y"});
  EXPECT_THAT(user_mistake(proto), HasSubstr("attribute 'alpha' refers to 'nothing', which is no attribute of function 'local.F'"));
}

} // namespace
} // namespace tw::onnx::testing

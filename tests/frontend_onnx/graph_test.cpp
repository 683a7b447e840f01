// SPDX-License-Identifier: Apache-2.0
// Graphs: names, order, cycles, subgraphs, attributes.
#include "frontends/onnx/attributes.h"
#include "models.h"

namespace tw::onnx::testing {
namespace {

using A = ::onnx::AttributeProto;

Names node_names(const Graph& graph) {
  Names names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

TEST(Graphs, NodesOutOfOrderAreSortedAndOtherwiseKeepTheirPlaces) {
  auto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  add_node(graph, "Relu", {"b"}, {"y"}, "last");
  add_node(graph, "Relu", {"x"}, {"a"}, "first");
  add_node(graph, "Relu", {"x"}, {"c"}, "second");
  add_node(graph, "Relu", {"a"}, {"b"}, "third");
  EXPECT_THAT(node_names(read(proto).graph), ElementsAre("first", "second", "third", "last"));
}

TEST(Graphs, ANodeIsSortedAfterWhatItsSubgraphsRead) {
  auto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  auto& node = add_node(graph, "If", {"x"}, {"y"}, "if");
  auto& branch = *add_attribute(node, "then_branch", A::GRAPH).mutable_g();
  add_node(branch, "Relu", {"late"}, {"t"});
  branch.add_output()->set_name("t");
  add_node(graph, "Relu", {"x"}, {"late"}, "relu");
  EXPECT_THAT(node_names(read(proto).graph), ElementsAre("relu", "if"));
}

TEST(Graphs, ACycleIsShownWithItsNodes) {
  auto proto = empty_model();
  auto& graph = *proto.mutable_graph();
  add_node(graph, "Relu", {"y"}, {"z"}, "outside");
  add_node(graph, "Add", {"x", "b"}, {"a"}, "one");
  add_node(graph, "Relu", {"a"}, {"b"}, "two");
  add_node(graph, "Relu", {"b"}, {"y"}, "three");
  EXPECT_THAT(user_mistake(proto),
              AllOf(HasSubstr("the nodes form a cycle of 2"), HasSubstr("node 'one' (Add)"), HasSubstr("node 'two' (Relu)")));
  proto = empty_model();
  add_node(*proto.mutable_graph(), "Relu", {"y"}, {"y"}, "self");
  EXPECT_THAT(user_mistake(proto), HasSubstr("a cycle of 1: node 'self' (Relu), which reads from the first"));
}

TEST(Graphs, ANameIsDefinedOnceInItsGraph) {
  auto proto = relu_model();
  add_node(*proto.mutable_graph(), "Neg", {"x"}, {"y"}, "neg");
  EXPECT_THAT(user_mistake(proto), HasSubstr("the value 'y' is defined twice: by node 'relu' (Relu) and by node 'neg' (Neg)"));
  proto = relu_model();
  add_node(*proto.mutable_graph(), "Neg", {"x"}, {"x"}, "neg");
  EXPECT_THAT(user_mistake(proto), HasSubstr("'x' is defined twice: by an input or initializer and by node 'neg'"));
  proto = relu_model();
  *proto.mutable_graph()->add_input() = proto.graph().input(0);
  EXPECT_THAT(user_mistake(proto), HasSubstr("the graph has two inputs 'x'"));
  proto = relu_model();
  *proto.mutable_graph()->add_output() = proto.graph().output(0);
  EXPECT_THAT(user_mistake(proto), HasSubstr("the graph has two outputs 'y'"));
}

TEST(Graphs, ANameThatNothingDefinesIsReportedWithItsReaderAndASimilarName) {
  auto proto = empty_model();
  add_node(*proto.mutable_graph(), "Relu", {"x"}, {"hidden"}, "relu");
  add_node(*proto.mutable_graph(), "Neg", {"hiden"}, {"y"}, "neg");
  EXPECT_THAT(user_mistake(proto), AllOf(HasSubstr("'hiden' is read, but no input, initializer or node defines it"),
                                         HasSubstr("at node 'neg' (Neg)"), HasSubstr("mean 'hidden'?")));
  proto = relu_model();
  proto.mutable_graph()->mutable_output(0)->set_name("result");
  EXPECT_THAT(user_mistake(proto), AllOf(HasSubstr("'result' is read"), HasSubstr("the graph's outputs")));
}

TEST(Graphs, PartsMustHaveTheirNames) {
  auto proto = relu_model();
  add_node(*proto.mutable_graph(), "Relu", {"x"}, {}, "blind");
  EXPECT_THAT(user_mistake(proto), AllOf(HasSubstr("the node has no outputs"), HasSubstr("node 'blind' (Relu)")));
  proto = relu_model();
  add_node(*proto.mutable_graph(), "", {"x"}, {"z"});
  EXPECT_THAT(user_mistake(proto), HasSubstr("the node has no operator"));
  proto = relu_model();
  proto.mutable_graph()->clear_output();
  EXPECT_THAT(user_mistake(proto), HasSubstr("the graph has no outputs"));
  proto = relu_model();
  proto.mutable_graph()->add_output();
  EXPECT_THAT(user_mistake(proto), HasSubstr("an output of the graph has no name"));
  proto = relu_model();
  proto.mutable_graph()->add_input();
  EXPECT_THAT(user_mistake(proto), HasSubstr("an input of the graph has no name"));
  proto = relu_model();
  add_initializer(proto, "", {0});
  EXPECT_THAT(user_mistake(proto), HasSubstr("an initializer has no name"));
}

TEST(Graphs, InputsWithAnInitializerAreConstants) {
  auto proto = relu_model();
  set_tensor_type(*proto.mutable_graph()->add_input(), "w", {1});
  add_initializer(proto, "w", {1}).add_float_data(1);
  Model model = read(proto);
  ASSERT_EQ(model.graph.inputs.size(), 1u);
  EXPECT_EQ(model.graph.value_infos[0].name, "w");
}

TEST(Graphs, SubgraphsReadTheGraphsAroundThemAndMayUseItsNamesAnew) {
  auto proto = empty_model();
  auto& node = add_node(*proto.mutable_graph(), "If", {"x"}, {"y"}, "if");
  for (const char* name : {"then_branch", "else_branch"}) {
    auto& branch = *add_attribute(node, name, A::GRAPH).mutable_g();
    add_node(branch, "Relu", {"x"}, {"same"});
    branch.add_output()->set_name("same");
  }
  EXPECT_EQ(attribute_graph(read(proto).graph.nodes[0], "else_branch").nodes.size(), 1u);
  proto.mutable_graph()->mutable_node(0)->mutable_attribute(1)->mutable_g()->mutable_node(0)->set_input(0, "gone");
  EXPECT_THAT(user_mistake(proto), AllOf(HasSubstr("'gone' is read"), HasSubstr("the node that makes 'same' (Relu)")));
}

TEST(Graphs, ErrorsInsideSubgraphsTellTheWayIn) {
  auto proto = empty_model();
  auto& node = add_node(*proto.mutable_graph(), "If", {"x"}, {"y"}, "if");
  add_node(*add_attribute(node, "then_branch", A::GRAPH).mutable_g(), "Relu", {"x"}, {}, "blind");
  EXPECT_THAT(user_mistake(proto), HasSubstr("at node 'blind' (Relu)\n  at subgraph 'then_branch'\n  at node 'if' (If)\n  at the model"));
}

TEST(Graphs, SubgraphsMayNotNestWithoutBounds) {
  ::onnx::GraphProto graph;
  for (int depth = 0; depth < 40; ++depth) {
    ::onnx::GraphProto outer;
    *add_attribute(add_node(outer, "If", {}, {"a"}), "then_branch", A::GRAPH).mutable_g() = graph;
    graph = outer;
  }
  auto proto = empty_model();
  *add_attribute(add_node(*proto.mutable_graph(), "If", {}, {"y"}), "then_branch", A::GRAPH).mutable_g() = graph;
  EXPECT_THAT(user_mistake(proto), HasSubstr("subgraphs nest too deeply"));
}

TEST(Graphs, ADomainWithoutVersionIsRefusedAndTwoNamesOfOnnxItselfAreOne) {
  auto proto = relu_model();
  proto.mutable_graph()->mutable_node(0)->set_domain("com.example");
  EXPECT_THAT(user_mistake(proto), AllOf(HasSubstr("'com.example' has no version"), HasSubstr("opset_import"), HasSubstr("node 'relu'")));
  proto.mutable_graph()->mutable_node(0)->set_domain("ai.onnx");
  EXPECT_EQ(read(proto).graph.nodes[0].domain, "");
}

::onnx::ModelProto with_attribute(A attribute) {
  auto proto = relu_model();
  *proto.mutable_graph()->mutable_node(0)->add_attribute() = attribute;
  return proto;
}

A make_attribute(const char* name, A::AttributeType type) {
  A attribute;
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

TEST(Attributes, AreFoundByNameAndTypeOrTakeTheirDefault) {
  A axis = make_attribute("axis", A::INT);
  axis.set_i(-2);
  auto proto = with_attribute(axis);
  A pads = make_attribute("pads", A::INTS);
  pads.add_ints(1), pads.add_ints(2);
  *proto.mutable_graph()->mutable_node(0)->add_attribute() = pads;
  A mode = make_attribute("mode", A::STRING);
  mode.set_s("cubic");
  *proto.mutable_graph()->mutable_node(0)->add_attribute() = mode;
  Model model = read(proto);
  const Node& node = model.graph.nodes[0];
  EXPECT_EQ(attribute_int(node, "axis"), -2);
  EXPECT_EQ(attribute_int(node, "other", 7), 7);
  EXPECT_THAT(attribute_ints(node, "pads"), ElementsAre(1, 2));
  EXPECT_EQ(attribute_string(node, "mode", "linear"), "cubic");
  EXPECT_EQ(attribute_float(node, "alpha", 0.5f), 0.5f);
  EXPECT_TRUE(attribute_bool(node, "keepdims", true));
  EXPECT_TRUE(has_attribute(node, "axis"));
}

TEST(Attributes, AWrongTypeNamesNodeOperatorAttributeExpectedAndFound) {
  A axis = make_attribute("axis", A::FLOATS);
  axis.add_floats(1);
  Model model = read(with_attribute(axis));
  Failure failure = failure_of([&] { attribute_int(model.graph.nodes[0], "axis", 0); });
  EXPECT_EQ(failure.kind, ErrorKind::user);
  EXPECT_THAT(failure.text,
              AllOf(HasSubstr("attribute 'axis' must be an int, but the model has a list of floats"), HasSubstr("node 'relu' (Relu)")));
}

TEST(Attributes, AMissingOneWithoutDefaultIsNamed) {
  Model model = read(relu_model());
  EXPECT_THAT(failure_of([&] { attribute_ints(model.graph.nodes[0], "perm"); }).text,
              HasSubstr("attribute 'perm' (a list of ints) is missing, and Relu has no default for it"));
}

TEST(Attributes, AnEmptyListIsAListOfAnyKind) {
  Model model = read(with_attribute(make_attribute("axes", A::FLOATS)));
  EXPECT_TRUE(attribute_ints(model.graph.nodes[0], "axes").empty());
}

TEST(Attributes, ASwitchIsZeroOrOne) {
  A keep = make_attribute("keepdims", A::INT);
  keep.set_i(2);
  Model model = read(with_attribute(keep));
  EXPECT_THAT(failure_of([&] { attribute_bool(model.graph.nodes[0], "keepdims", true); }).text,
              HasSubstr("'keepdims' is 2, expected 0 or 1"));
}

TEST(Attributes, OldFilesWithoutTheTypeAreUnderstoodByTheFieldThatIsSet) {
  A axis;
  axis.set_name("axis");
  axis.set_i(3);
  EXPECT_EQ(attribute_int(read(with_attribute(axis)).graph.nodes[0], "axis"), 3);
  A nothing;
  nothing.set_name("axis");
  EXPECT_THAT(user_mistake(with_attribute(nothing)),
              AllOf(HasSubstr("neither a type nor a value"), HasSubstr("attribute 'axis'"), HasSubstr("node 'relu'")));
}

TEST(Attributes, UnknownTypesAndDoublesAreRefused) {
  std::string bytes = with_attribute(make_attribute("axis", A::INT)).SerializeAsString();
  size_t place = bytes.find(std::string("\xa0\x01\x02", 3));
  ASSERT_NE(place, std::string::npos);
  bytes[place + 2] = 99;
  EXPECT_THAT(user_mistake(bytes), HasSubstr("neither a type nor a value that is known"));
  auto proto = with_attribute(make_attribute("axis", A::INT));
  *proto.mutable_graph()->mutable_node(0)->add_attribute() = make_attribute("axis", A::INT);
  EXPECT_THAT(user_mistake(proto), HasSubstr("the node has two attributes 'axis'"));
  EXPECT_THAT(not_supported(with_attribute(make_attribute("s", A::SPARSE_TENSOR))), HasSubstr("the attribute holds a sparse tensor"));
}

TEST(Attributes, AReferenceOutsideAFunctionIsRefused) {
  A alpha = make_attribute("alpha", A::FLOAT);
  alpha.set_ref_attr_name("slope");
  EXPECT_THAT(user_mistake(with_attribute(alpha)),
              HasSubstr("refers to the attribute 'slope' of a function, but the node is in no function"));
}

} // namespace
} // namespace tw::onnx::testing

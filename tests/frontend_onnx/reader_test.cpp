// SPDX-License-Identifier: Apache-2.0
// Files as a whole: what a good one becomes, and what is said about bad ones.
#include "frontends/onnx/opset.h"
#include "frontends/onnx/summary.h"
#include "models.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

namespace tw::onnx::testing {
namespace {

namespace fs = std::filesystem;

TEST(Reader, AModelBecomesPlainStructures) {
  auto proto = relu_model();
  proto.set_producer_name("maker");
  proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param("n");
  Model model = read(proto);
  EXPECT_EQ(model.ir_version, 8);
  EXPECT_EQ(model.opset_imports.at(""), 17);
  ASSERT_EQ(model.graph.nodes.size(), 1u);
  EXPECT_EQ(describe(model.graph.nodes[0]), "node 'relu' (Relu)");
  EXPECT_EQ(model.graph.nodes[0].opset, 17);
  EXPECT_EQ(to_string(model.graph.inputs[0].type), "float32[n]");
  EXPECT_EQ(to_string(model.graph.outputs[0].type), "float32[2]");
}

TEST(Reader, EveryCutOfAFileIsAUserErrorOrAValidModel) {
  auto proto = relu_model();
  add_initializer(proto, "w", {4}).set_raw_data(std::string(16, 'w'));
  std::string bytes = proto.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    try {
      read_bytes(bytes.substr(0, size));
    } catch (const Error& error) { EXPECT_NE(error.kind(), ErrorKind::internal) << size << ": " << error.what(); }
  }
}

TEST(Reader, ChangedBytesNeverMakeItFailInAnotherWayThanByAnErrorForTheUser) {
  auto proto = relu_model();
  add_initializer(proto, "w", {2, 2}).set_raw_data(std::string(16, 'w'));
  add_attribute(*proto.mutable_graph()->mutable_node(0), "alpha", ::onnx::AttributeProto::FLOAT).set_f(1);
  std::string good = proto.SerializeAsString();
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (int change = 0; change < 1 + round % 4; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      read_bytes(bytes);
    } catch (const Error& error) { ASSERT_NE(error.kind(), ErrorKind::internal) << error.what(); }
  }
}

TEST(Reader, FilesOfOtherKindsAreNamed) {
  EXPECT_THAT(user_mistake(std::string()), HasSubstr("the file is empty"));
  EXPECT_THAT(user_mistake(std::string("\x7f"
                                       "ELF\x02\x01")),
              HasSubstr("a compiled library"));
  EXPECT_THAT(user_mistake(std::string("PK\x03\x04rest")), HasSubstr("a zip archive"));
  EXPECT_THAT(user_mistake(std::string("\x1c\0\0\0TFL3", 8)), HasSubstr("a TensorFlow Lite model"));
  EXPECT_THAT(user_mistake(std::string("\x89HDF\r\n")), HasSubstr("an HDF5 file"));
  EXPECT_THAT(user_mistake(std::string("\x1f\x8b\x08")), HasSubstr("a gzip archive"));
  EXPECT_THAT(user_mistake(std::string("version https://git-lfs.github.com/spec/v1")), HasSubstr("Git LFS"));
  EXPECT_THAT(user_mistake(std::string("hello, this is text")), HasSubstr("not a whole ONNX model"));
}

TEST(Reader, ACutFileIsSaidToBeCutWithThePlace) {
  std::string bytes = relu_model().SerializeAsString();
  EXPECT_THAT(user_mistake(bytes.substr(0, bytes.size() - 12)),
              AllOf(HasSubstr("does not fit into"), HasSubstr("at byte"), HasSubstr("cut off, damaged")));
}

// A field with contents of a given length, in the wire format.
std::string field(int number, const std::string& contents) {
  std::string text(1, static_cast<char>(number << 3 | 2));
  size_t length = contents.size();
  for (; length >= 128; length >>= 7) text.push_back(static_cast<char>((length & 127) | 128));
  return text + static_cast<char>(length) + contents;
}

TEST(Reader, ATypeThatNestsInItselfWithoutEndIsRefused) {
  std::string type;
  for (int i = 0; i < 300; ++i) type = field(i % 2 ? 4 : 1, type); // TypeProto.sequence_type, Sequence.elem_type
  std::string graph_with_input = field(7, field(11, field(2, type)));
  EXPECT_THAT(user_mistake(relu_model().SerializeAsString() + graph_with_input), HasSubstr("does not fit the ONNX schema"));
}

TEST(Reader, FieldsThatCannotBeAreRefusedWithTheirPlace) {
  EXPECT_THAT(user_mistake(std::string("\x08\x08\x0b", 3)), HasSubstr("unknown kind 3, at byte 2 of 3"));
  EXPECT_THAT(user_mistake(std::string("\x08\x08\x00\x01", 4)), HasSubstr("a field has no valid number, at byte 2"));
  EXPECT_THAT(user_mistake(std::string("\x08\xff", 2)), HasSubstr("a number is cut off"));
  EXPECT_THAT(user_mistake(std::string("\x0d\x01", 2)), HasSubstr("a number is cut off"));
  EXPECT_THAT(user_mistake("\x08" + std::string(11, '\xff')), HasSubstr("a number is longer than 10 bytes"));
}

TEST(Reader, WhatAModelMustHaveIsAskedFor) {
  ::onnx::ModelProto proto;
  proto.set_producer_name("nothing");
  EXPECT_THAT(user_mistake(proto), HasSubstr("no version of the format"));
  proto.set_ir_version(8);
  EXPECT_THAT(user_mistake(proto), HasSubstr("the model has no graph"));
  proto = relu_model();
  proto.clear_opset_import();
  EXPECT_THAT(user_mistake(proto), HasSubstr("opset_import is empty"));
  proto.set_ir_version(2);
  EXPECT_THAT(not_supported(proto), HasSubstr("before ONNX had operator versions"));
  proto = relu_model();
  proto.mutable_opset_import(0)->set_version(0);
  EXPECT_THAT(user_mistake(proto), HasSubstr("has version 0, expected 1 or more"));
}

TEST(Reader, AFormatThatIsTooNewIsUnsupportedWithTheVersions) {
  auto proto = relu_model();
  proto.set_ir_version(newest_ir_version() + 1);
  EXPECT_THAT(not_supported(proto), AllOf(HasSubstr(std::to_string(newest_ir_version() + 1)), HasSubstr("newer onnx Python package")));
}

TEST(Reader, OpsetsOutsideTheRangeAreReadAndRefusedOnlyWhenAsked) {
  auto proto = relu_model();
  proto.mutable_opset_import(0)->set_version(oldest_opset - 1);
  Model old = read(proto);
  EXPECT_THAT(failure_of([&] { check_opset(old); }).text, AllOf(HasSubstr("uses opset 5, expected 6"), HasSubstr("version_converter")));
  proto.mutable_opset_import(0)->set_version(newest_opset + 1);
  Model future = read(proto);
  EXPECT_THAT(failure_of([&] { check_opset(future); }).text, HasSubstr("knows opsets up to"));
  check_opset(read(relu_model()));
}

TEST(Reader, DimensionsOfInputsMustBePossible) {
  auto proto = relu_model();
  set_tensor_type(*proto.mutable_graph()->mutable_input(0), "x", {-3});
  EXPECT_THAT(user_mistake(proto), AllOf(HasSubstr("dimension 0 is -3"), HasSubstr("input 'x'"), HasSubstr("dim_param")));
  proto = relu_model();
  set_tensor_type(*proto.mutable_graph()->mutable_input(0), "x", {-1, 2});
  EXPECT_EQ(to_string(read(proto).graph.inputs[0].type), "float32[?, 2]") << "some tools write -1 for unknown";
  proto = relu_model();
  set_tensor_type(*proto.mutable_graph()->mutable_input(0), "x", {int64_t{1} << 40, int64_t{1} << 40});
  EXPECT_THAT(user_mistake(proto), HasSubstr("the product of its sizes overflows"));
  proto = relu_model();
  set_tensor_type(*proto.mutable_graph()->mutable_input(0), "x", {2}, 99);
  EXPECT_THAT(not_supported(proto), HasSubstr("element type 99"));
}

TEST(Reader, TypesInsideTheGraphAreHintsAndMayBeNonsense) {
  auto proto = relu_model();
  set_tensor_type(*proto.mutable_graph()->add_value_info(), "h", {-1, 5}, 99);
  EXPECT_EQ(to_string(read(proto).graph.value_infos[0].type), "type 99[?, 5]");
}

TEST(Reader, NamesThatAreNoTextAreRefused) {
  auto proto = relu_model();
  proto.mutable_graph()->mutable_node(0)->set_name("a\xff");
  EXPECT_THAT(user_mistake(proto), HasSubstr("a node's name is not valid UTF-8: 'a\\xff'"));
}

TEST(Reader, TypesOtherThanTensorsAreShown) {
  auto proto = relu_model();
  auto& sequence = *proto.mutable_graph()->add_input();
  sequence.set_name("s");
  sequence.mutable_type()->mutable_sequence_type()->mutable_elem_type()->mutable_tensor_type()->set_elem_type(7);
  auto& optional = *proto.mutable_graph()->add_input();
  optional.set_name("o");
  *optional.mutable_type()->mutable_optional_type()->mutable_elem_type() = sequence.type();
  auto& map = *proto.mutable_graph()->add_input();
  map.set_name("m");
  map.mutable_type()->mutable_map_type()->set_key_type(8);
  Model model = read(proto);
  EXPECT_EQ(to_string(model.graph.inputs[1].type), "sequence(int64[…])");
  EXPECT_EQ(to_string(model.graph.inputs[2].type), "optional(sequence(int64[…]))");
  EXPECT_EQ(to_string(model.graph.inputs[3].type), "map(string, unknown)");
}

TEST(Reader, ASummaryCountsOperatorsAndNamesDynamicDimensions) {
  auto proto = relu_model();
  auto& graph = *proto.mutable_graph();
  graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_param("batch");
  add_node(graph, "Relu", {"y"}, {"z"});
  auto& custom = add_node(graph, "Thing", {"z"}, {"t"});
  custom.set_domain("com.example");
  auto* import = proto.add_opset_import();
  import->set_domain("com.example");
  import->set_version(1);
  add_initializer(proto, "w", {2, 3}).set_raw_data(std::string(24, '\0'));
  Summary s = summary(read(proto));
  EXPECT_THAT(s.operators,
              ElementsAre(std::pair<std::string, int64_t>("Relu", 2), std::pair<std::string, int64_t>("com.example.Thing", 1)));
  EXPECT_THAT(s.dynamic_dimensions, ElementsAre("batch"));
  EXPECT_EQ(s.weight_elements, 6);
  EXPECT_EQ(s.weight_bytes, 24);
  EXPECT_EQ(s.opsets.at("com.example"), 1);
}

TEST(Reader, AMissingFileIsNamed) {
  Failure failure = failure_of([] { read_model("/nonexistent/model.onnx"); });
  EXPECT_EQ(failure.kind, ErrorKind::user);
  EXPECT_THAT(failure.text, HasSubstr("cannot open '/nonexistent/model.onnx': No such file"));
}

TEST(Reader, TheDetectorOfTheExamplesIsReadAndItsWeightsAreNotCopied) {
  Model model = read_model(TENSORWRIGHT_SOURCE_DIR "/examples/data/FastestDet.onnx");
  Summary s = summary(model);
  EXPECT_EQ(s.node_count, 211);
  EXPECT_EQ(s.operators[0], (std::pair<std::string, int64_t>("Conv", 70)));
  EXPECT_EQ(to_string(s.inputs[0].type), "float32[1, 3, 352, 352]");
  // All tensors with raw data share one owner: the mapped file.
  std::set<const void*> owners;
  for (const Tensor& tensor : model.graph.initializers)
    if (!tensor.bytes.empty()) owners.insert(tensor.owner.get());
  EXPECT_EQ(owners.size(), 1u);
}

TEST(Reader, EveryModelOfOthersThatIsAtHandIsRead) {
  const char* folder = std::getenv("TENSORWRIGHT_MODELS");
  if (folder == nullptr || *folder == '\0' || !fs::exists(folder)) GTEST_SKIP() << "TENSORWRIGHT_MODELS names no folder of models";
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    SCOPED_TRACE(entry.path().string());
    try {
      Model model = read_model(entry.path().string());
      check_opset(model);
      EXPECT_GT(summary(model).node_count, 0);
      ++count;
    } catch (const Error& error) { ADD_FAILURE() << error.what(); }
  }
  EXPECT_GT(count, 0);
}

} // namespace
} // namespace tw::onnx::testing

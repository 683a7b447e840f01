// SPDX-License-Identifier: Apache-2.0
// Small models built by protobuf for the tests of the reader, and ways to read them.
#pragma once

#include "base/diagnostics.h"
#include "frontends/onnx/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx-ml.pb.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace tw::onnx::testing {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Names = std::vector<std::string>;

template <class Owner>
::onnx::NodeProto& add_node(Owner& owner, const char* op_type, const Names& inputs, const Names& outputs, const char* name = "") {
  ::onnx::NodeProto& node = *owner.add_node();
  node.set_op_type(op_type);
  node.set_name(name);
  for (const auto& input : inputs) node.add_input(input);
  for (const auto& output : outputs) node.add_output(output);
  return node;
}

inline void set_tensor_type(::onnx::ValueInfoProto& value, const char* name, std::initializer_list<int64_t> dims, int element = 1) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(element);
  tensor.mutable_shape()->clear_dim();
  for (int64_t dim : dims) tensor.mutable_shape()->add_dim()->set_dim_value(dim);
}

// ir_version, opset, one input x: float32[2], one output y, no node.
inline ::onnx::ModelProto empty_model() {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  set_tensor_type(*model.mutable_graph()->add_input(), "x", {2});
  set_tensor_type(*model.mutable_graph()->add_output(), "y", {2});
  return model;
}

// The same with y = Relu(x), node "relu".
inline ::onnx::ModelProto relu_model() {
  auto model = empty_model();
  add_node(*model.mutable_graph(), "Relu", {"x"}, {"y"}, "relu");
  return model;
}

inline ::onnx::TensorProto& add_initializer(::onnx::ModelProto& model, const char* name, std::initializer_list<int64_t> dims,
                                            int element = 1) {
  auto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(element);
  for (int64_t dim : dims) tensor.add_dims(dim);
  return tensor;
}

template <class Node>::onnx::AttributeProto& add_attribute(Node& node, const char* name, ::onnx::AttributeProto::AttributeType type) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

inline Model read_bytes(const std::string& text) {
  return read_model(std::span<const std::byte>(reinterpret_cast<const std::byte*>(text.data()), text.size()));
}
inline Model read(const ::onnx::ModelProto& proto) { return read_bytes(proto.SerializeAsString()); }

struct Failure {
  ErrorKind kind;
  std::string text;
};
template <class F> Failure failure_of(F&& body) {
  try {
    body();
  } catch (const Error& error) { return {error.kind(), error.what()}; }
  ADD_FAILURE() << "no error was thrown";
  return {ErrorKind::internal, ""};
}

// The text of the user error that reading ends in.
inline std::string user_mistake(const ::onnx::ModelProto& proto) {
  Failure failure = failure_of([&] { read(proto); });
  EXPECT_EQ(failure.kind, ErrorKind::user) << failure.text;
  return failure.text;
}
inline std::string user_mistake(const std::string& bytes) {
  Failure failure = failure_of([&] { read_bytes(bytes); });
  EXPECT_EQ(failure.kind, ErrorKind::user) << failure.text;
  return failure.text;
}
inline std::string not_supported(const ::onnx::ModelProto& proto) {
  Failure failure = failure_of([&] { read(proto); });
  EXPECT_EQ(failure.kind, ErrorKind::unsupported) << failure.text;
  return failure.text;
}

} // namespace tw::onnx::testing

// SPDX-License-Identifier: Apache-2.0
// Models of a few nodes, imported and run by the reference interpreter.
//
//   Builder b(13);
//   b.input("x", {"n", 3}).constant("axes", {1}, {1}).node("Squeeze", {"x", "axes"}, {"y"}).output("y");
//   EXPECT_EQ(b.run({floats({2, 1}, {1, 2})})[0].shape, …);
#pragma once

#include "frontends/onnx/importer.h"
#include "interpreter/interpret.h"
#include "ir/derived.h"
#include "models.h"

#include <cmath>
#include <variant>

namespace tw::onnx::testing {

using interpreter::Array;

inline Array floats(std::vector<int64_t> shape, std::vector<double> values) { return Array::of(f32, std::move(shape), values); }
inline Array ints(std::vector<int64_t> shape, std::vector<double> values) { return Array::of(i64, std::move(shape), values); }

// What an attribute can be in these tests.
struct A {
  std::string name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>, std::vector<std::string>, ::onnx::GraphProto> value;
  A(std::string name, int value) : name(std::move(name)), value(int64_t{value}) {}
  A(std::string name, double value) : name(std::move(name)), value(static_cast<float>(value)) {}
  A(std::string name, const char* value) : name(std::move(name)), value(std::string(value)) {}
  A(std::string name, std::vector<int64_t> value) : name(std::move(name)), value(std::move(value)) {}
  A(std::string name, std::vector<float> value) : name(std::move(name)), value(std::move(value)) {}
  A(std::string name, std::vector<std::string> value) : name(std::move(name)), value(std::move(value)) {}
  A(std::string name, ::onnx::GraphProto value) : name(std::move(name)), value(std::move(value)) {}
};

inline void set_attribute(::onnx::NodeProto& node, const A& a) {
  using P = ::onnx::AttributeProto;
  if (auto* v = std::get_if<int64_t>(&a.value)) add_attribute(node, a.name.c_str(), P::INT).set_i(*v);
  if (auto* v = std::get_if<float>(&a.value)) add_attribute(node, a.name.c_str(), P::FLOAT).set_f(*v);
  if (auto* v = std::get_if<std::string>(&a.value)) add_attribute(node, a.name.c_str(), P::STRING).set_s(*v);
  if (auto* v = std::get_if<::onnx::GraphProto>(&a.value)) *add_attribute(node, a.name.c_str(), P::GRAPH).mutable_g() = *v;
  if (auto* v = std::get_if<std::vector<int64_t>>(&a.value)) {
    auto& list = add_attribute(node, a.name.c_str(), P::INTS);
    for (int64_t i : *v) list.add_ints(i);
  }
  if (auto* v = std::get_if<std::vector<float>>(&a.value)) {
    auto& list = add_attribute(node, a.name.c_str(), P::FLOATS);
    for (float f : *v) list.add_floats(f);
  }
  if (auto* v = std::get_if<std::vector<std::string>>(&a.value)) {
    auto& list = add_attribute(node, a.name.c_str(), P::STRINGS);
    for (const auto& s : *v) list.add_strings(s);
  }
}

// A size, a name, or "?" for neither.
struct Dim {
  std::variant<int64_t, std::string> value;
  Dim(int size) : value(int64_t{size}) {}
  Dim(const char* name) : value(std::string(name)) {}
};

class Builder {
public:
  explicit Builder(int64_t opset = 21, const char* domain = "") {
    proto.set_ir_version(8);
    auto& import = *proto.add_opset_import();
    import.set_version(*domain ? 17 : opset);
    if (!*domain) return;
    auto& other = *proto.add_opset_import();
    other.set_domain(domain);
    other.set_version(opset);
    domain_ = domain;
  }
  Builder& input(const char* name, const std::vector<Dim>& dims, int element = 1) {
    describe(*graph().add_input(), name, dims, element);
    return *this;
  }
  Builder& declare(const char* name, const std::vector<Dim>& dims, int element = 1) {
    describe(*graph().add_value_info(), name, dims, element);
    return *this;
  }
  Builder& output(const char* name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  Builder& output(const char* name, const std::vector<Dim>& dims, int element = 1) {
    describe(*graph().add_output(), name, dims, element);
    return *this;
  }
  // i64 and f32 initializers.
  Builder& constant(const char* name, std::vector<int64_t> shape, std::vector<int64_t> values) {
    auto& tensor = initializer(name, shape, 7);
    for (int64_t v : values) tensor.add_int64_data(v);
    return *this;
  }
  Builder& weights(const char* name, std::vector<int64_t> shape, std::vector<float> values) {
    auto& tensor = initializer(name, shape, 1);
    for (float v : values) tensor.add_float_data(v);
    return *this;
  }
  Builder& node(const char* op_type, const Names& inputs, const Names& outputs, const std::vector<A>& attributes = {}) {
    auto& node = add_node(graph(), op_type, inputs, outputs, fmt::format("{}_{}", op_type, graph().node_size()).c_str());
    node.set_domain(domain_);
    for (const auto& a : attributes) set_attribute(node, a);
    return *this;
  }
  ::onnx::GraphProto& graph() { return *proto.mutable_graph(); }
  Ref<Module> import(const ImportOptions& options = {}) { return import_model(read(proto), options); }
  std::vector<Array> run(std::vector<Array> inputs, const ImportOptions& options = {}) {
    return interpreter::interpret(import(options), "main", std::move(inputs));
  }
  Failure failure() {
    return failure_of([&] { import(); });
  }

  ::onnx::ModelProto proto;

private:
  static void describe(::onnx::ValueInfoProto& value, const char* name, const std::vector<Dim>& dims, int element) {
    set_tensor_type(value, name, {}, element);
    for (const Dim& d : dims) {
      auto& to = *value.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim();
      if (auto* size = std::get_if<int64_t>(&d.value)) to.set_dim_value(*size);
      else if (std::get<std::string>(d.value) != "?") to.set_dim_param(std::get<std::string>(d.value));
    }
  }
  ::onnx::TensorProto& initializer(const char* name, const std::vector<int64_t>& shape, int element) {
    auto& tensor = add_initializer(proto, name, {}, element);
    for (int64_t s : shape) tensor.add_dims(s);
    return tensor;
  }
  std::string domain_;
};

// One node on inputs x0, x1, … of the given values; its first output.
inline Array apply(int64_t opset, const char* op_type, const std::vector<Array>& inputs, const std::vector<A>& attributes = {},
                   const char* domain = "") {
  Builder b(opset, domain);
  Names names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    names.push_back(fmt::format("x{}", i));
    std::vector<Dim> dims;
    for (int64_t s : inputs[i].shape) dims.emplace_back(static_cast<int>(s));
    int element = inputs[i].dtype == i64 ? 7 : inputs[i].dtype == boolean ? 9 : inputs[i].dtype == u8 ? 2 : inputs[i].dtype == i8 ? 3 : 1;
    b.input(names.back().c_str(), dims, element);
  }
  return b.node(op_type, names, {"y"}, attributes).output("y").run(inputs)[0];
}

// The numbers of an array, for comparison up to rounding.
inline void expect_near(const Array& array, const std::vector<int64_t>& shape, const std::vector<double>& values, double error = 1e-5) {
  EXPECT_EQ(array.shape, shape);
  ASSERT_EQ(array.count(), static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(array.number(static_cast<int64_t>(i)), values[i], error) << "at " << i;
}

// The types of the results of "main", as text.
inline std::string result_type(const Ref<Module>& module, size_t i = 0) {
  const auto* main = as<Function>(module->functions[0]);
  return to_text(tensor_of(main->body->results[i]));
}

} // namespace tw::onnx::testing

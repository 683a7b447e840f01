// SPDX-License-Identifier: Apache-2.0
// Walks graphs node by node: looks names up, calls the translation of each operator, checks its results against the types that the model
// declares. Subgraphs are walked into a body of their own, or into the current one where a branch is decided.
#pragma once

#include "frontends/onnx/importer.h"
#include "frontends/onnx/node_context.h"

namespace tw::onnx {

// The names of one graph; those of the graphs around it are visible too.
class Names {
public:
  explicit Names(const Names* outer = nullptr) : outer_(outer) {}
  void set(const std::string& name, const Ref<Operand>& value) { values_.insert_or_assign(name, value); }
  void declare(const Value& value) { declared_.insert_or_assign(value.name, &value.type); }
  Ref<Operand> get(const std::string& name) const;
  // What the graph says about the value's type; null if nothing.
  const ValueType* declared(const std::string& name) const;

private:
  const Names* outer_;
  std::map<std::string, Ref<Operand>> values_;
  std::map<std::string, const ValueType*> declared_;
};

class GraphImporter {
public:
  GraphImporter(const Model& model, const ImportOptions& options);
  Ref<Module> run();

  // The nodes of a subgraph, emitted into `body`; its inputs stand for `arguments`. Gives the graph's outputs.
  Results subgraph(const Graph& graph, const std::vector<Ref<Operand>>& arguments, BodyBuilder& body);
  // Names of the model's inputs that the operand's contents are computed from.
  std::vector<std::string> inputs_of(const BodyBuilder& body, const Ref<Operand>& operand);
  // The declared type of the node's output i that is being translated; null if none.
  const ValueType* declared_output(const Node& node, size_t i) const;

private:
  void declare_initializers(const Graph& graph, Names& names);
  Results nodes(const Graph& graph, Names& names, BodyBuilder& body);
  void node(const Node& node, size_t index, Names& names, BodyBuilder& body);
  void check_declared(const Node& node, const std::string& name, const Ref<Operand>& value, const Names& names);
  Ref<tw::Value> parameter(const Value& input);
  Ref<Operand> given_value(const Value& input, const interpreter::Array& value);
  Ref<Expr> input_size(const Value& input, size_t axis);

  const Model& model_;
  const ImportOptions& options_;
  const Names* names_ = nullptr; // of the graph being walked
  int depth_ = 0;
  std::map<std::string, Ref<Var>> dims_;
  std::vector<Ref<Var>> dim_order_;
  std::vector<std::string> unused_options_;
  std::unordered_map<const tw::Node*, std::string> parameters_;
};

// The constant that a tensor of the model is: a view of its bytes.
Ref<Constant> to_constant(const Tensor& tensor, const std::string& name);

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// What the translation of one ONNX node sees: its inputs as operands of the function being built, its attributes, and short ways to emit
// operator calls. A translation returns the node's outputs, in order; it may leave out trailing ones that the node does not name.
//
//   Results leaky_relu(NodeContext& c) {
//     return {c.call("leaky_relu", {c.input(0)}, {{"alpha", c.attribute_float("alpha", 0.01f)}})};
//   }
#pragma once

#include "frontends/onnx/attributes.h"
#include "frontends/onnx/body_builder.h"

namespace tw::onnx {

class GraphImporter;
using Results = std::vector<Ref<Operand>>;

class NodeContext {
public:
  NodeContext(const Node& node, std::vector<Opt<Operand>> inputs, BodyBuilder& body, GraphImporter& importer)
      : node(node), body(body), importer(importer), inputs_(std::move(inputs)) {}

  const Node& node;
  BodyBuilder& body;
  GraphImporter& importer; // for nodes that hold graphs

  int64_t opset() const { return node.opset; }
  size_t input_count() const { return inputs_.size(); }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i]; }
  // Is output i named, so that somebody may read it?
  bool wants(size_t i) const { return i < node.outputs.size() && !node.outputs[i].empty(); }
  // A user error that names the input if it is missing.
  Ref<Operand> input(size_t i) const;
  Opt<Operand> optional(size_t i) const { return i < inputs_.size() ? inputs_[i] : Opt<Operand>(); }
  // All inputs; none may be missing.
  std::vector<Opt<Operand>> all_inputs(size_t at_least = 1) const;

  // ---- types
  Ref<TensorType> type(size_t i) const { return type(input(i)); }
  Shape shape(size_t i) const { return type(i)->shape; }
  DType element(size_t i) const { return type(i)->element; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(shape(i).size()); }
  static Ref<TensorType> type(const Ref<Operand>& x);
  static Shape shape(const Ref<Operand>& x) { return type(x)->shape; }
  static int64_t rank(const Ref<Operand>& x) { return static_cast<int64_t>(shape(x).size()); }

  // ---- values that must be known while importing; `what` names the input in the error
  std::vector<int64_t> known_ints(size_t i, const char* what);
  int64_t known_int(size_t i, const char* what);
  std::vector<double> known_floats(size_t i, const char* what);
  double known_float(size_t i, const char* what);
  std::optional<std::vector<int64_t>> maybe_ints(size_t i);
  // For a value that is not known but must be: an error that says what the user can do.
  [[noreturn]] void not_known(size_t i, std::string text);
  // Sizes (rank 0 or 1): symbolic, or read at run time where they depend on data.
  std::vector<Ref<Expr>> sizes(size_t i, const char* what, int64_t min = 0);
  // The same for positions and offsets, which may be negative.
  std::vector<Ref<Expr>> offsets(size_t i, const char* what) { return sizes(i, what, std::numeric_limits<int64_t>::min()); }
  // One of them, from a tensor of one element.
  Ref<Expr> size(size_t i, const char* what, int64_t min = 0);
  // Axes from an attribute in old versions, from input `i` since version `since`; 0 <= axis < rank, distinct. Nothing if neither is there.
  std::optional<std::vector<int64_t>> axes(size_t i, int64_t since, int64_t rank);
  int64_t axis(int64_t value, int64_t rank, const char* name = "axis") const;
  // A size that only the run knows, named after the node.
  Ref<Var> fresh_dim(const char* name, int64_t min = 0, int64_t max = unbounded);

  // ---- attributes
  bool has_attribute(const char* name) const { return onnx::has_attribute(node, name); }
  int64_t attribute_int(const char* name, int64_t otherwise) const { return onnx::attribute_int(node, name, otherwise); }
  bool attribute_bool(const char* name, bool otherwise) const { return onnx::attribute_bool(node, name, otherwise); }
  double attribute_float(const char* name, float otherwise) const { return onnx::attribute_float(node, name, otherwise); }
  std::string attribute_string(const char* name, const char* otherwise) const { return onnx::attribute_string(node, name, otherwise); }
  std::vector<int64_t> attribute_ints(const char* name, std::vector<int64_t> otherwise) const {
    return onnx::attribute_ints(node, name, std::move(otherwise));
  }

  // ---- emitting
  using Attributes = BodyBuilder::Attributes;
  Ref<Operand> call(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes = {}) {
    return body.apply(op, std::move(args), attributes);
  }
  Results call_all(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes = {});
  Ref<Operand> scalar(double value, DType type) { return body.scalar(value, type); }
  Ref<Operand> cast(const Ref<Operand>& x, DType to);
  Ref<Operand> reshape(const Ref<Operand>& x, std::vector<Ref<Expr>> shape);
  Ref<Operand> transpose(const Ref<Operand>& x, std::vector<int64_t> permutation);
  Ref<Operand> squeeze(const Ref<Operand>& x, const std::vector<int64_t>& axes);
  Ref<Operand> unsqueeze(const Ref<Operand>& x, const std::vector<int64_t>& axes); // axes of the result, in order

private:
  std::vector<Opt<Operand>> inputs_;
};

// One row for each operator. `refuse` says which attribute values cannot be imported, as far as the node alone tells: a sentence, or "".
struct OperatorRow {
  const char* op_type;
  Results (*translate)(NodeContext&);
  std::string (*refuse)(const Node&) = nullptr;
};
struct OperatorTable {
  const char* domain;
  std::span<const OperatorRow> rows;
};

} // namespace tw::onnx

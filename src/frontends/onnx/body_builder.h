// SPDX-License-Identifier: Apache-2.0
// The body that an import fills: bindings, and beside them what is known of the contents of small integer tensors. A model computes shapes
// with ordinary operators on ordinary tensors; following them symbolically is what turns `Reshape(x, Concat(Shape(x)[0], [-1]))` into a
// reshape with a known shape.
#pragma once

#include "interpreter/array.h"
#include "ops/contents.h"

#include <set>

namespace tw::onnx {

class BodyBuilder : public ops::GraphBuilder {
public:
  // A body inside another one sees the values and contents of that.
  explicit BodyBuilder(BodyBuilder* outer = nullptr) : outer_(outer) {}

  void emit(const Ref<Binding>& binding) override;

  // The elements, if they are known; emits nothing.
  std::optional<ops::Contents> contents(const Ref<Operand>& operand);
  // The same, but elements that depend on data are read at run time and become new dims of at least `min`, where the tensor is a small one
  // of i64 or i32. What is read to be computed with may have any value.
  std::optional<ops::Contents> sizes(const Ref<Operand>& operand, int64_t min = 0);
  // Reads a vector of i64 or i32.
  std::vector<Ref<Var>> read(const Ref<Operand>& operand, int64_t min, int64_t max = unbounded);
  // Stops the run with the text unless the condition holds.
  void assume(const Ref<Expr>& condition, const std::string& text);
  // The whole value, if it follows from constants alone and is small.
  std::optional<interpreter::Array> constant_value(const Ref<Operand>& operand);

  // The values from outside all bodies that the operand's contents are computed from: not those of which only the shape counts.
  std::set<const tw::Node*> sources(const Ref<Operand>& operand) const;

  // A call with attributes in any order; those that have the operator's default value are left out.
  using Attributes = std::vector<std::pair<const char*, Attr::Value>>;
  std::vector<Ref<tw::Value>> apply_all(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes = {});
  Ref<tw::Value> apply(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes = {});

  // Dims that this body introduced.
  const std::vector<Ref<Var>>& dims() const { return dims_; }

private:
  // The least value of what may be read; nothing: nothing may be read.
  using Least = std::optional<int64_t>;
  std::optional<ops::Contents> find(const Ref<Operand>& operand, Least least, int depth);
  std::optional<ops::Contents> fold(const OpCall& call, size_t result, Least least, int depth);
  std::optional<interpreter::Array> evaluate(const Ref<Operand>& operand, int depth);
  const Binding* producer(const tw::Node* value) const;
  const ops::Contents* known(const tw::Node* value) const;

  BodyBuilder* outer_;
  std::unordered_map<const tw::Node*, ops::Contents> known_;
  std::unordered_map<const tw::Node*, interpreter::Array> values_;
  std::unordered_map<const tw::Node*, Ref<Binding>> producers_;
  std::vector<Ref<Var>> dims_;
};

} // namespace tw::onnx

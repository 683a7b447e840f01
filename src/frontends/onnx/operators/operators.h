// SPDX-License-Identifier: Apache-2.0
// All operators that can be imported: one table for each file of this folder and domain. To add one: a function and a row in the file of
// its family.
#pragma once

#include "frontends/onnx/node_context.h"

#include <algorithm>

namespace tw::onnx {

// For operators that are one of ours with the same inputs and no attributes: {"Relu", plain<"relu">}.
template <size_t n> struct Text {
  char value[n];
  consteval Text(const char (&text)[n]) { std::copy_n(text, n, value); }
};
template <Text op> Results plain(NodeContext& c) { return {c.call(op.value, c.all_inputs())}; }
// The same with one float attribute.
template <Text op, Text attribute> Results with_float(NodeContext& c) {
  if (!c.has_attribute(attribute.value)) return plain<op>(c);
  return {c.call(op.value, c.all_inputs(), {{attribute.value, c.attribute_float(attribute.value, 0)}})};
}

// Elementwise functions by the names that ONNX has for activations, for operators that fuse one.
Ref<Operand> activate(NodeContext& c, const Ref<Operand>& x, const std::string& name, std::optional<double> alpha,
                      std::optional<double> beta);

OperatorTable attention_operators();
OperatorTable control_operators();
OperatorTable elementwise_operators();
OperatorTable indexing_operators();
OperatorTable loop_operators();
OperatorTable loss_operators();
OperatorTable movement_operators();
OperatorTable normalisation_operators();
OperatorTable pool_operators();
OperatorTable product_operators();
OperatorTable quantise_operators();
OperatorTable recurrent_operators();
OperatorTable reduction_operators();
OperatorTable resize_operators();
OperatorTable shape_operators();
OperatorTable tree_operators();
// com.microsoft
OperatorTable microsoft_elementwise_operators();
OperatorTable microsoft_normalisation_operators();
OperatorTable microsoft_product_operators();
OperatorTable microsoft_quantise_operators();

std::vector<OperatorTable> operator_tables();
// Null if there is none.
const OperatorRow* find_operator(const std::string& domain, const std::string& op_type);

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Questions that graph passes ask about calls and operands: attributes with their defaults, contents of constants, equal shapes; and
// constants made from others.
#pragma once

#include "interpreter/array.h"
#include "passes/graph_rewriter.h"

namespace tw::passes {

// ---- attributes
// The value, or the operator's default.
const Attr::Value& attribute_value(const OpCall& call, std::string_view name);
template <class T> const T& attribute(const OpCall& call, std::string_view name) {
  const T* value = std::get_if<T>(&attribute_value(call, name));
  if (!value) throw internal_error("attribute '{}' of '{}' has another type", name, call.op.str());
  return *value;
}
// A list of sizes, constant or symbolic.
Shape sizes_attribute(const OpCall& call, std::string_view name);
bool has_attribute(const OpCall& call, std::string_view name);
// The call's attributes with one changed: sorted, defaults left out.
std::vector<Ref<Attr>> with_attribute(const OpCall& call, std::string_view name, Attr::Value value);
std::vector<Ref<Attr>> attributes(Name op, std::vector<std::pair<const char*, Attr::Value>> values);
// An axis or axes attribute counted from 0; empty `axes` stays empty.
int64_t normal_axis(int64_t axis, size_t rank);
std::vector<int64_t> normal_axes(const List<int64_t>& axes, size_t rank);

// ---- operands
Ref<Operand> argument(const OpCall& call, size_t i);
inline bool has_argument(const OpCall& call, size_t i) { return i < call.args.size() && call.args[i]; }
bool is_tensor(const Node* operand);
Shape shape_of_operand(const Node* operand);
template <class T> Shape shape_of_operand(const Opt<T>& operand) { return shape_of_operand(operand.node()); }
DType element_of(const Node* operand);
template <class T> DType element_of(const Opt<T>& operand) { return element_of(operand.node()); }
bool same_shape(const Shape& a, const Shape& b);
// Does the operand have the shape (and so may stand for a result of it)?
template <class T> bool has_shape(const Opt<T>& operand, const Shape& shape) { return same_shape(shape_of_operand(operand), shape); }
// The common shape of broadcasting is `shape` itself: the other operand does not enlarge it.
bool broadcasts_into(const Shape& from, const Shape& shape);

// ---- calls
// A reshape of the operand, called now.
Ref<Value> reshaped(GraphRewriter& graph, const Opt<Operand>& x, const Shape& shape);

// ---- constants
const Constant* constant_of(const Node* operand);
template <class T> const Constant* constant_of(const Opt<T>& operand) { return constant_of(operand.node()); }
// The one value that all elements of a constant have.
std::optional<double> uniform_value(const Node* operand);
template <class T> std::optional<double> uniform_value(const Opt<T>& operand) { return uniform_value(operand.node()); }
// Equal to the precision of a model's float constants.
bool about(double value, double expected);
bool is_uniform(const Node* operand, double value);
template <class T> bool is_uniform(const Opt<T>& operand, double value) { return is_uniform(operand.node(), value); }
// The same bytes with another shape of as many elements.
Ref<Constant> reshaped(const Constant& constant, const Shape& shape);
Ref<Constant> transposed(const Constant& constant, const std::vector<int64_t>& axes);
// The elements from begin[d] on, sizes[d] of them, along each dimension.
Ref<Constant> sliced(const Constant& constant, const std::vector<int64_t>& begin, const std::vector<int64_t>& sizes);
// Each element times the factor of its place along the axis; `factors` has the axis's size, products are rounded once.
Ref<Constant> scaled_along(const Constant& constant, size_t axis, const std::vector<double>& factors);
Ref<Constant> vector_constant(const std::vector<double>& values, DType type, Name id = "");
int64_t byte_count(const TensorType& type); // `unbounded` if the shape is symbolic

// Elements between neighbours along each dimension, the last fastest.
std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape);
List<Ref<Expr>> dense_strides(const Shape& shape);

} // namespace tw::passes

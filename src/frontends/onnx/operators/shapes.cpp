// SPDX-License-Identifier: Apache-2.0
// Where shape arithmetic begins and ends: constants, the shape and size of a tensor, tensors made from a shape.
#include "frontends/onnx/graph_importer.h"
#include "frontends/onnx/operators/operators.h"
#include "frontends/onnx/tensor.h"

#include "ops/sizes.h"

namespace tw::onnx {
namespace {

std::string refuse_constant(const Node& node) {
  for (const char* name : {"sparse_value", "value_string", "value_strings"})
    if (has_attribute(node, name)) return fmt::format("attribute '{}'", name);
  return "";
}

template <class T> Ref<Operand> floats(NodeContext& c, const T& values, const Shape& shape) {
  std::vector<float> list(values.begin(), values.end());
  return c.body.constant(tensor_type(shape, f32), Blob::of(std::span<const float>(list)));
}

Results constant(NodeContext& c) {
  const Node& node = c.node;
  if (has_attribute(node, "value")) return {to_constant(attribute_tensor(node, "value"), node.outputs.empty() ? "" : node.outputs[0])};
  if (has_attribute(node, "value_float")) return {floats(c, std::vector<float>{attribute_float(node, "value_float")}, {})};
  if (has_attribute(node, "value_floats")) {
    auto values = attribute_floats(node, "value_floats");
    return {floats(c, values, shape_of({static_cast<int64_t>(values.size())}))};
  }
  if (has_attribute(node, "value_ints")) return {c.body.ints(attribute_ints(node, "value_ints"))};
  if (!has_attribute(node, "value_int")) throw user_error("one of the attributes value, value_float, value_int, … must be there");
  int64_t value = onnx::attribute_int(node, "value_int");
  return {c.body.constant(tensor_type({}, i64), Blob::of(std::span<const int64_t>(&value, 1)))};
}

// Parts of the shape exist since opset 15.
Results shape(NodeContext& c) {
  NodeContext::Attributes part;
  if (c.opset() >= 15 && c.has_attribute("start")) part.emplace_back("begin", c.attribute_int("start", 0));
  if (c.opset() >= 15 && c.has_attribute("end")) part.emplace_back("end", c.attribute_int("end", 0));
  return {c.call("shape_of", {c.input(0)}, part)};
}

Results constant_of_shape(NodeContext& c) {
  Ref<Operand> value = c.scalar(0, f32);
  if (c.has_attribute("value")) {
    const Tensor& tensor = attribute_tensor(c.node, "value");
    if (tensor.element_count() != 1) throw user_error("attribute 'value' must have one element, found {}", tensor.element_count());
    Ref<Constant> given = to_constant(tensor, "");
    value = c.body.constant(tensor_type({}, given->type->element), given->data);
  }
  std::vector<Ref<Expr>> sizes = c.sizes(0, "shape");
  for (const auto& s : sizes)
    if (auto known = as_int(s); known && *known < 0) throw user_error("sizes must not be negative, found {}", *known);
  return {c.call("constant_fill", {value}, {{"shape", List<Ref<Expr>>(sizes)}})};
}

Ref<Operand> as_scalar(NodeContext& c, size_t i) {
  Ref<Operand> x = c.input(i);
  return NodeContext::rank(x) == 0 ? x : c.reshape(x, {});
}

// How many numbers there are: by symbolic arithmetic on integers, else by operators whose result is folded or read at run time.
Ref<Expr> range_count(NodeContext& c, const Ref<Operand>& start, const Ref<Operand>& limit, const Ref<Operand>& step) {
  auto one = [&](const Ref<Operand>& x) -> Opt<Expr> {
    auto contents = c.body.sizes(x, std::numeric_limits<int64_t>::min());
    return contents && contents->elements.size() == 1 ? Opt<Expr>(tw::cast(i64, contents->elements[0])) : Opt<Expr>();
  };
  bool integer = NodeContext::type(start)->element.is_int();
  if (Opt<Expr> by = integer ? one(step) : Opt<Expr>(); as_int(by)) {
    int64_t width = *as_int(by);
    if (width == 0) throw user_error("input 2 ('delta') must not be 0");
    Opt<Expr> from = one(start), to = one(limit);
    if (from && to) {
      Ref<Expr> a = as_ref<Expr>(from), b = as_ref<Expr>(to);
      return ops::simplified(max(imm(0), ceildiv(width > 0 ? b - a : a - b, imm(width > 0 ? width : -width))));
    }
  }
  DType wide = integer ? f64 : NodeContext::type(start)->element;
  Ref<Operand> steps = c.call("div", {c.cast(c.call("sub", {limit, start}), wide), c.cast(step, wide)});
  Ref<Operand> count = c.call("max", {c.cast(c.call("ceil", {steps}), i64), c.scalar(0, i64)});
  Opt<Expr> read = one(count);
  if (!read) throw internal_error("the count of a range is not read");
  return as_ref<Expr>(read);
}

Results range(NodeContext& c) {
  Ref<Operand> start = as_scalar(c, 0), limit = as_scalar(c, 1), step = as_scalar(c, 2);
  return {c.call("range", {start, step}, {{"count", Opt<Expr>(range_count(c, start, limit, step))}})};
}

std::string refuse_eye(const Node& node) {
  if (!has_attribute(node, "dtype")) return "";
  auto type = static_cast<ElementType>(attribute_int(node, "dtype"));
  return find_dtype(type) ? "" : fmt::format("elements of {}", to_string(type));
}
Results eye_like(NodeContext& c) {
  DType type =
      c.has_attribute("dtype") ? dtype_of(static_cast<ElementType>(c.attribute_int("dtype", 0)), "attribute 'dtype'") : c.element(0);
  return {c.call("eye_like", {c.input(0)}, {{"to", type}, {"diagonal", c.attribute_int("k", 0)}})};
}

constexpr OperatorRow rows[] = {
    {"Constant", constant, refuse_constant},
    {"ConstantOfShape", constant_of_shape},
    {"EyeLike", eye_like, refuse_eye},
    {"Range", range},
    {"Shape", shape},
    {"Size", plain<"size_of">},
};

} // namespace

OperatorTable shape_operators() { return {"", rows}; }

} // namespace tw::onnx

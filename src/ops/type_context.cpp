// SPDX-License-Identifier: Apache-2.0
// What type rules share: access to the arguments' types, equality and broadcasting of symbolic sizes with assumptions where proof fails.
#include "ops/element.h"
#include "ops/op.h"
#include "ops/sizes.h"

namespace tw::ops {

Ref<TensorType> TypeContext::tensor(size_t i) const {
  if (!has(i)) throw user_error("input {} is missing", i);
  Ref<Type> type = type_of(call_.args[i].node());
  if (!as<TensorType>(type)) throw user_error("input {} must be a tensor, found a {}", i, kind_name(type.node()));
  return as_ref<TensorType>(type);
}

std::optional<std::vector<int64_t>> TypeContext::constant_ints(size_t i) const {
  if (!has(i)) return {};
  const auto* constant = as<Constant>(call_.args[i]);
  if (!constant) return {};
  DType type = constant->type->element;
  std::vector<int64_t> out;
  auto bytes = constant->data.bytes();
  for (size_t at = 0; at + static_cast<size_t>(type.bytes()) <= bytes.size(); at += static_cast<size_t>(type.bytes()))
    out.push_back(read_int(bytes.data() + at, type));
  return out;
}

Ref<Expr> TypeContext::same(const Ref<Expr>& a, const Ref<Expr>& b, const char* what) {
  if (surely_equal(a, b)) return as_int(b) ? b : a;
  if (surely_different(a, b)) throw user_error("{} must be equal, found {} and {}", what, to_string(a), to_string(b));
  assume(eq(a, b), fmt::format("{} must be equal: {} and {}", what, to_string(a), to_string(b)));
  return as_int(b) ? b : a;
}

// A symbolic size is never taken for a 1 that broadcasts: it is assumed to be equal to the others.
Shape TypeContext::broadcast(const std::vector<Shape>& shapes) {
  size_t rank = 0;
  for (const auto& s : shapes) rank = std::max(rank, s.size());
  std::vector<Ref<Expr>> out(rank, imm(1));
  for (const auto& s : shapes) {
    size_t offset = rank - s.size();
    for (size_t d = 0; d < s.size(); ++d) {
      Ref<Expr>& to = out[offset + d];
      if (is_one(s[d])) continue;
      if (is_one(to)) to = s[d];
      else if (surely_different(to, s[d]))
        throw user_error("shapes do not broadcast: sizes {} and {} in dimension {} of {}", to_string(to), to_string(s[d]), offset + d,
                         rank);
      else to = same(to, s[d], "sizes that broadcast");
    }
  }
  return Shape(std::move(out));
}

int64_t TypeContext::normalise_axis(int64_t axis, int64_t rank, const char* attribute) {
  if (axis < -rank || axis >= rank) throw user_error("{} must be in [{}, {}) for rank {}, found {}", attribute, -rank, rank, rank, axis);
  return axis < 0 ? axis + rank : axis;
}

void TypeContext::assume(const Ref<Expr>& condition, std::string text) {
  if (is_int(condition, 0)) throw user_error("{}", text);
  if (!is_int(condition, 1)) assumptions_.push_back({condition, std::move(text)});
}

TypeRule same_as(size_t input) {
  return [input](TypeContext& c) { return Types{c.tensor(input)}; };
}
TypeRule same_shape(DType element) {
  return [element](TypeContext& c) { return Types{tensor_type(c.shape(0), element)}; };
}

namespace {
Shape broadcast_inputs(TypeContext& c) {
  if (c.count() == 0) throw user_error("expected at least one input");
  std::vector<Shape> shapes;
  for (size_t i = 0; i < c.count(); ++i) {
    shapes.push_back(c.shape(i));
    if (c.element(i) != c.element(0))
      throw user_error("inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(i)));
  }
  return c.broadcast(shapes);
}
} // namespace

TypeRule broadcast_all() {
  return [](TypeContext& c) { return Types{tensor_type(broadcast_inputs(c), c.element(0))}; };
}
TypeRule broadcast_all_to(DType element) {
  return [element](TypeContext& c) { return Types{tensor_type(broadcast_inputs(c), element)}; };
}

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
// Arithmetic, casts, logic: neutral elements, inverses, cheaper forms of the same function.
#include "passes/graph/simplify_graph/rules.h"

#include <cmath>

namespace tw::passes {
namespace {

Replacement first(const OpCall& call) { return Operands{argument(call, 0)}; }

// The argument other than a constant that is `value` everywhere, if broadcasting leaves its shape alone.
Replacement other_than(GraphRewriter& graph, const OpCall& call, double value) {
  Shape shape = shape_of_operand(graph.binding().values[0]);
  for (size_t i = 0; i < 2; ++i)
    if (is_uniform(call.args[1 - i], value) && has_shape(call.args[i], shape)) return Operands{argument(call, i)};
  return {};
}
Replacement drop_right(GraphRewriter& graph, const OpCall& call, double value) {
  if (!is_uniform(call.args[1], value) || !has_shape(call.args[0], shape_of_operand(graph.binding().values[0]))) return {};
  return first(call);
}

// x + 0 turns -0 into 0, which compares equal; only x + -0 and x - 0 keep every bit.
Replacement add_zero(GraphRewriter& graph, const OpCall& call) { return other_than(graph, call, 0); }
Replacement sub_zero(GraphRewriter& graph, const OpCall& call) { return drop_right(graph, call, 0); }
Replacement mul_one(GraphRewriter& graph, const OpCall& call) { return other_than(graph, call, 1); }
Replacement div_one(GraphRewriter& graph, const OpCall& call) { return drop_right(graph, call, 1); }

Replacement mul_minus_one(GraphRewriter& graph, const OpCall& call) {
  if (!element_of(call.args[0]).is_float() && !element_of(call.args[0]).is_signed()) return {};
  if (Replacement x = other_than(graph, call, -1)) return Operands{graph.call("neg", {x->front()})};
  return {};
}

// A power of two has an exact reciprocal (as long as that is a normal number), so the quotient and the product round alike.
Replacement div_power_of_two(GraphRewriter& graph, const OpCall& call) {
  DType type = element_of(call.args[0]);
  auto divisor = uniform_value(call.args[1]);
  int exponent = 0;
  if (!type.is_float() || !divisor || !std::isfinite(*divisor) || std::abs(std::frexp(*divisor, &exponent)) != 0.5) return {};
  if (std::abs(exponent) > (type.bits == 16 ? 12 : 100)) return {};
  Ref<Constant> factor = vector_constant({1 / *divisor}, type);
  return Operands{graph.call(
      "mul", {call.args[0], reshaped(*factor.get(), Shape(std::vector<Ref<Expr>>(shape_of_operand(call.args[1]).size(), imm(1))))})};
}

Replacement one_over(GraphRewriter& graph, const OpCall& call) {
  if (!element_of(call.args[1]).is_float() || !is_uniform(call.args[0], 1)) return {};
  if (!has_shape(call.args[1], shape_of_operand(graph.binding().values[0]))) return {};
  return Operands{graph.call("reciprocal", {call.args[1]})};
}

Replacement reciprocal_of_root(GraphRewriter& graph, const OpCall& call) {
  const OpCall* root = graph.producer(call.args[0], "sqrt");
  if (!root) return {};
  return Operands{graph.call("rsqrt", {root->args[0]})};
}

Replacement simple_power(GraphRewriter& graph, const OpCall& call) {
  auto exponent = uniform_value(call.args[1]);
  DType type = element_of(call.args[0]);
  if (!exponent || !has_shape(call.args[0], shape_of_operand(graph.binding().values[0]))) return {};
  if (*exponent == 1) return first(call);
  if (*exponent == 2) return Operands{graph.call("mul", {call.args[0], call.args[0]})};
  if (!type.is_float()) return {};
  if (*exponent == 0.5) return Operands{graph.call("sqrt", {call.args[0]})};
  if (*exponent == -0.5) return Operands{graph.call("rsqrt", {call.args[0]})};
  if (*exponent == -1) return Operands{graph.call("reciprocal", {call.args[0]})};
  return {};
}

// f(f(x)) = x
Replacement self_inverse(GraphRewriter& graph, const OpCall& call) {
  const OpCall* inner = graph.producer(call.args[0], call.op);
  return inner ? first(*inner) : Replacement();
}
// f(f(x)) = f(x)
Replacement idempotent(GraphRewriter& graph, const OpCall& call) {
  return graph.producer(call.args[0], call.op) ? first(call) : Replacement();
}

Replacement neg_of_difference(GraphRewriter& graph, const OpCall& call) {
  const OpCall* inner = graph.producer(call.args[0], "sub");
  if (!inner || !graph.single_use(call.args[0])) return {};
  return Operands{graph.call("sub", {inner->args[1], inner->args[0]})};
}
// a + -b and a - -b
Replacement add_negated(GraphRewriter& graph, const OpCall& call) {
  for (size_t i = 0; i < 2; ++i)
    if (const OpCall* inner = graph.producer(call.args[i], "neg")) return Operands{graph.call("sub", {call.args[1 - i], inner->args[0]})};
  return {};
}
Replacement sub_negated(GraphRewriter& graph, const OpCall& call) {
  if (const OpCall* inner = graph.producer(call.args[1], "neg")) return Operands{graph.call("add", {call.args[0], inner->args[0]})};
  return {};
}

// Every value of `from` is a value of `to`.
bool holds_all(DType from, DType to) {
  if (from == to) return true;
  if (from.is_bool()) return true;
  if (to.is_bool()) return false;
  if (from.is_int() && to.is_int())
    return from.is_unsigned() ? (to.is_unsigned() ? to.bits >= from.bits : to.bits > from.bits) : to.is_signed() && to.bits >= from.bits;
  if (from.is_int()) return from.bits <= (to.code == DTypeCode::brain_float ? 8 : to.bits == 64 ? 53 : to.bits == 32 ? 24 : 11);
  if (to.is_int()) return false;
  if (from.code == DTypeCode::brain_float) return to.code == DTypeCode::brain_float || to.bits >= 32;
  return to.code == DTypeCode::ieee_float && to.bits >= from.bits;
}
Replacement merge_casts(GraphRewriter& graph, const OpCall& call) {
  DType to = attribute<DType>(call, "to");
  if (element_of(call.args[0]) == to) return first(call);
  const OpCall* inner = graph.producer(call.args[0], "cast");
  if (!inner || !holds_all(element_of(inner->args[0]), element_of(call.args[0]))) return {};
  if (element_of(inner->args[0]) == to) return first(*inner);
  return Operands{graph.call("cast", {inner->args[0]}, call.attrs.vector())};
}

Replacement constant_condition(GraphRewriter& graph, const OpCall& call) {
  auto condition = uniform_value(call.args[0]);
  if (!condition) return {};
  Ref<Operand> chosen = argument(call, *condition != 0 ? 1 : 2);
  Shape shape = shape_of_operand(graph.binding().values[0]);
  if (has_shape(chosen, shape)) return Operands{chosen};
  return Operands{graph.call("expand", {chosen}, attributes("expand", {{"shape", shape}}))};
}
Replacement equal_choices(GraphRewriter& graph, const OpCall& call) {
  if (!call.args[1].same_as(call.args[2]) || !has_shape(call.args[1], shape_of_operand(graph.binding().values[0]))) return {};
  return Operands{argument(call, 1)};
}
// where(not c, a, b) = where(c, b, a)
Replacement negated_condition(GraphRewriter& graph, const OpCall& call) {
  const OpCall* inner = graph.producer(call.args[0], "logical_not");
  return inner ? Replacement(Operands{graph.call("where", {inner->args[0], call.args[2], call.args[1]})}) : Replacement();
}

// (x * a) * b = x * (a * b) for constants, and so with sums; a and b may differ in shape as long as one broadcasts into the other.
Replacement merge_constants(GraphRewriter& graph, const OpCall& call) {
  if (!element_of(call.args[0]).is_float() && !element_of(call.args[0]).is_int()) return {};
  for (size_t i = 0; i < 2; ++i) {
    const OpCall* inner = graph.producer(call.args[i], call.op);
    if (!constant_of(call.args[1 - i]) || !inner || !graph.single_use(call.args[i])) continue;
    for (size_t k = 0; k < 2; ++k) {
      if (!constant_of(inner->args[k]) || constant_of(inner->args[1 - k])) continue;
      Shape a = shape_of_operand(inner->args[k]), b = shape_of_operand(call.args[1 - i]);
      if (!broadcasts_into(a, b) && !broadcasts_into(b, a)) continue;
      Ref<Value> merged = graph.call(call.op, {inner->args[k], call.args[1 - i]});
      return Operands{graph.call(call.op, {inner->args[1 - k], merged})};
    }
  }
  return {};
}

// sum of one or two, mean of one, max and min of one.
Replacement few_arguments(GraphRewriter& graph, const OpCall& call) {
  if (call.args.size() == 1) return first(call);
  if (call.args.size() == 2 && call.op == "sum") return Operands{graph.call("add", {call.args[0], call.args[1]})};
  return {};
}

constexpr GraphRule rules[] = {
    {"identity", "identity(x) = x", [](GraphRewriter&, const OpCall& call) { return first(call); }},
    {"add", "x + 0 = x", add_zero},
    {"sub", "x - 0 = x", sub_zero},
    {"mul", "x * 1 = x", mul_one},
    {"mul", "x * -1 = -x", mul_minus_one},
    {"div", "x / 1 = x", div_one},
    {"div", "1 / x = reciprocal(x)", one_over},
    {"div", "x / 2^k = x * 2^-k", div_power_of_two},
    {"reciprocal", "1 / sqrt(x) = rsqrt(x)", reciprocal_of_root, true},
    {"pow", "powers 1, 2, 1/2, -1/2, -1", simple_power, true},
    {"neg", "-(-x) = x", self_inverse},
    {"neg", "-(a - b) = b - a", neg_of_difference},
    {"logical_not", "not not x = x", self_inverse},
    {"bitwise_not", "~~x = x", self_inverse},
    {"reciprocal", "1 / (1 / x) = x", self_inverse, true},
    {"abs", "||x|| = |x|", idempotent},
    {"floor", "floor is idempotent", idempotent},
    {"ceil", "ceil is idempotent", idempotent},
    {"round", "round is idempotent", idempotent},
    {"trunc", "trunc is idempotent", idempotent},
    {"sign", "sign is idempotent", idempotent},
    {"add", "a + -b = a - b", add_negated},
    {"sub", "a - -b = a + b", sub_negated},
    {"cast", "casts that lose nothing merge with the next", merge_casts},
    {"where", "a constant condition chooses", constant_condition},
    {"where", "equal choices need no condition", equal_choices},
    {"where", "where(not c, a, b) = where(c, b, a)", negated_condition},
    {"mul", "(x * a) * b = x * (a * b)", merge_constants, true},
    {"add", "(x + a) + b = x + (a + b)", merge_constants, true},
    {"sum", "sums of one or two", few_arguments},
    {"mean", "the mean of one", few_arguments},
    {"max", "the largest of one", few_arguments},
    {"min", "the smallest of one", few_arguments},
};

} // namespace

std::span<const GraphRule> arithmetic_rules() { return rules; }

} // namespace tw::passes

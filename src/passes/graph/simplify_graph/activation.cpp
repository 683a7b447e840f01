// SPDX-License-Identifier: Apache-2.0
// Activations: limits that merge, chains that are one operator.
#include "passes/graph/simplify_graph/rules.h"

#include <algorithm>
#include <cmath>

namespace tw::passes {
namespace {

struct Limits {
  double low = -INFINITY, high = INFINITY;
};

// The limits of a clip with constant limits, of relu, of max and min with one constant; x is the operand limited.
std::optional<Limits> limits_of(const OpCall& call, size_t* x) {
  *x = 0;
  if (call.op == "relu") return Limits{.low = 0};
  if (call.op == "clip") {
    Limits out;
    for (size_t k = 1; k < 3; ++k) {
      if (!has_argument(call, k)) continue;
      auto value = uniform_value(call.args[k]);
      if (!value || std::isnan(*value)) return {};
      (k == 1 ? out.low : out.high) = *value;
    }
    out.low = std::min(out.low, out.high); // high wins
    return out;
  }
  if ((call.op == "max" || call.op == "min") && call.args.size() == 2)
    for (size_t k = 0; k < 2; ++k)
      if (auto value = uniform_value(call.args[k]);
          value && !std::isnan(*value) && broadcasts_into(shape_of_operand(call.args[k]), shape_of_operand(call.args[1 - k]))) {
        *x = 1 - k;
        return call.op == "max" ? Limits{.low = *value} : Limits{.high = *value};
      }
  return {};
}

Ref<Operand> limited(GraphRewriter& graph, const Ref<Operand>& x, const Limits& limits) {
  DType type = element_of(x);
  if (limits.low == 0 && limits.high == INFINITY) return graph.call("relu", {x});
  auto scalar = [&](double value) { return std::isinf(value) ? Opt<Operand>() : Opt<Operand>(graph.scalar(value, type)); };
  return graph.call("clip", {x, scalar(limits.low), scalar(limits.high)});
}

Replacement merge_limits(GraphRewriter& graph, const OpCall& call) {
  size_t outer_x = 0, inner_x = 0;
  auto outer = limits_of(call, &outer_x);
  if (!outer || !element_of(call.args[outer_x]).is_float()) return {};
  if (outer->low == -INFINITY && outer->high == INFINITY) return Operands{argument(call, outer_x)};
  const OpCall* before = graph.producer(call.args[outer_x]);
  auto inner = before ? limits_of(*before, &inner_x) : std::nullopt;
  // A limited value limited again: the second limits apply to the first ones too.
  if (inner) {
    Limits both{std::clamp(inner->low, outer->low, outer->high), std::clamp(inner->high, outer->low, outer->high)};
    if (both.low == inner->low && both.high == inner->high) return Operands{argument(call, outer_x)};
    if (both.low <= both.high) return Operands{limited(graph, argument(*before, inner_x), both)};
  }
  if (call.op == "relu" || (call.op == "clip" && outer->low != 0) || (call.op == "clip" && outer->high != INFINITY)) return {};
  return Operands{limited(graph, argument(call, outer_x), *outer)};
}

// What is never negative needs no relu.
Replacement relu_of_positive(GraphRewriter& graph, const OpCall& call) {
  const OpCall* x = graph.producer(call.args[0]);
  if (!x) return {};
  for (const char* op : {"sigmoid", "exp", "softmax", "abs", "sqrt", "softplus", "hard_sigmoid", "relu"})
    if (x->op == op) return Operands{argument(call, 0)};
  return {};
}

// sigmoid(-x) and exp(log(x)) stay: their errors differ. log(softmax(x)) is log_softmax, which also has no log(0).
Replacement log_of_softmax(GraphRewriter& graph, const OpCall& call) {
  const OpCall* x = graph.producer(call.args[0], "softmax");
  if (!x || !graph.single_use(call.args[0])) return {};
  return Operands{graph.call("log_softmax", {x->args[0]}, x->attrs.vector())};
}

constexpr GraphRule rules[] = {
    {"relu", "relu after what is never negative", relu_of_positive},
    {"relu", "limits merge", merge_limits},
    {"clip", "limits merge", merge_limits},
    {"max", "max(x, c) is a limit", merge_limits},
    {"min", "min(x, c) is a limit", merge_limits},
    {"log", "log(softmax(x)) = log_softmax(x)", log_of_softmax, true},
};

} // namespace

std::span<const GraphRule> activation_rules() { return rules; }

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
// GELU, exact and by tanh:
//   x * (1 + erf(x / sqrt(2))) / 2
//   x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³))) / 2
#include "passes/graph/recognise_patterns/patterns.h"

namespace tw::passes {
namespace {

constexpr double one_over_root_two = 0.70710678118654752, root_two_over_pi = 0.79788456080286536, cubic = 0.044715;

bool is_x_times(const GraphRewriter& graph, const Ref<Operand>& operand, const Ref<Operand>& x, double constant) {
  Product p = product_of(graph, operand);
  return p.factors.size() == 1 && p.factors[0].same_as(x) && about(p.constant, constant);
}

// c * x * x * …, or c * pow(x, n), or any mixture.
bool is_power(const GraphRewriter& graph, const Ref<Operand>& operand, const Ref<Operand>& x, double constant, double power) {
  if (operand.same_as(x)) return power == 1 && constant == 1;
  Product p = product_of(graph, operand);
  double found = 0;
  for (const auto& factor : p.factors) {
    const OpCall* call = graph.producer(factor);
    if (factor.same_as(x)) found += 1;
    else if (call && call->op == "pow" && call->args[0].same_as(x) && uniform_value(call->args[1])) found += *uniform_value(call->args[1]);
    else if (call && call->op == "mul" && call->args[0].same_as(x) && call->args[1].same_as(x)) found += 2;
    else return false;
  }
  return found == power && about(p.constant, constant);
}

// sqrt(2 / pi) * (x + 0.044715 * x³), or sqrt(2 / pi) * x * (1 + 0.044715 * x²)
bool is_inner_of_tanh(const GraphRewriter& graph, const Ref<Operand>& operand, const Ref<Operand>& x) {
  Product p = product_of(graph, operand);
  if (!about(p.constant, root_two_over_pi)) return false;
  if (p.factors.size() == 1) {
    const OpCall* sum = graph.producer(p.factors[0], "add");
    if (!sum) return false;
    for (size_t i = 0; i < 2; ++i)
      if (sum->args[i].same_as(x) && is_power(graph, argument(*sum, 1 - i), x, cubic, 3)) return true;
    return false;
  }
  if (p.factors.size() != 2) return false;
  for (size_t i = 0; i < 2; ++i)
    if (auto sum = offset_of(graph, p.factors[1 - i]);
        p.factors[i].same_as(x) && sum && sum->constant == 1 && is_power(graph, sum->x, x, cubic, 2))
      return true;
  return false;
}

Replacement gelu(GraphRewriter& graph, const OpCall& call) {
  Product p = product_of(graph, call);
  if (p.factors.size() != 2 || !about(p.constant, 0.5)) return {};
  for (size_t i = 0; i < 2; ++i) {
    const Ref<Operand>& x = p.factors[i];
    auto sum = offset_of(graph, p.factors[1 - i]);
    if (!sum || sum->constant != 1 || !has_shape(x, shape_of_operand(graph.binding().values[0]))) continue;
    const OpCall* curve = graph.producer(sum->x);
    if (!curve) continue;
    if (curve->op == "erf" && is_x_times(graph, argument(*curve, 0), x, one_over_root_two)) return Operands{graph.call("gelu", {x})};
    if (curve->op == "tanh" && is_inner_of_tanh(graph, argument(*curve, 0), x))
      return Operands{graph.call("gelu", {x}, attributes("gelu", {{"approximate", Name("tanh")}}))};
  }
  return {};
}

constexpr GraphPattern patterns[] = {{"mul", "GELU", gelu}, {"div", "GELU", gelu}};

} // namespace

std::span<const GraphPattern> gelu_patterns() { return patterns; }

} // namespace tw::passes

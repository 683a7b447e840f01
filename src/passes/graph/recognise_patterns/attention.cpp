// SPDX-License-Identifier: Apache-2.0
// Attention: softmax(q × k * scale + mask) × v, with the factor on the scores, on q, on k, or on both of these; with sums of masks, or one
// that selects; with the keys transposed in any way. Nobody else may read the scores and their softmax.
#include "passes/graph/recognise_patterns/patterns.h"

#include <numeric>

namespace tw::passes {
namespace {

// A score that is replaced by so small a number is the same as one to which it is added: rounding leaves the small number.
constexpr double forbidden = -1e30;
constexpr int deepest = 10; // steps between product and softmax

Ref<Operand> swapped(GraphRewriter& graph, const Ref<Operand>& x) {
  std::vector<int64_t> order(shape_of_operand(x).size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return graph.call("transpose", {x}, attributes("transpose", {{"axes", List<int64_t>(order)}}));
}

// x without the factors of one element that multiply it.
Ref<Operand> take_scale(const GraphRewriter& graph, const Ref<Operand>& x, double& scale) {
  if (!graph.single_use(x)) return x;
  Product p = product_of(graph, x);
  if (p.factors.size() != 1 || !has_shape(p.factors[0], shape_of_operand(x))) return x;
  scale *= p.constant;
  return p.factors[0];
}

// Only ones in front make the difference between the shapes.
bool equal_but_for_ones(const Shape& a, const Shape& b) {
  const Shape &longer = a.size() < b.size() ? b : a, &shorter = a.size() < b.size() ? a : b;
  size_t more = longer.size() - shorter.size();
  for (size_t d = 0; d < more; ++d)
    if (!is_int(longer[d], 1)) return false;
  return same_shape(Shape(longer.begin() + static_cast<std::ptrdiff_t>(more), longer.end()), shorter);
}

// What stands between the product of queries and keys and the softmax.
struct Scores {
  const OpCall* product = nullptr;
  std::vector<Ref<Operand>> masks; // to be added
  double scale = 1;
};

// A number in the place of scores that do not count: a mask of zeros and that number.
bool take_selection(GraphRewriter& graph, const OpCall& call, const Shape& scores, Scores& out, Opt<Operand>& rest) {
  auto number = uniform_value(call.args[2]);
  if (!number || *number > forbidden || !broadcasts_into(shape_of_operand(call.args[0]), scores)) return false;
  DType type = element_of(call.args[1]);
  out.masks.push_back(graph.call("where", {call.args[0], graph.scalar(0, type), graph.scalar(*number, type)}));
  rest = call.args[1];
  return true;
}

// Goes from x, of the shape of the scores but for ones in front, back to their product.
bool scores_of(GraphRewriter& graph, const Opt<Operand>& x, const Shape& scores, Scores& out, int depth = 0) {
  const OpCall* call = depth < deepest && graph.single_use(x) ? graph.producer(x) : nullptr;
  if (!call || !equal_but_for_ones(shape_of_operand(x), scores)) return false;
  if (call->op == "matmul") {
    out.product = call;
    return has_shape(x, scores);
  }
  if (call->op == "reshape") return scores_of(graph, call->args[0], scores, out, depth + 1);
  if (call->op == "add" && out.scale == 1) {
    for (size_t i = 0; i < 2; ++i) {
      Shape mask = shape_of_operand(call->args[1 - i]);
      while (mask.size() > scores.size() && is_int(mask[0], 1)) mask = Shape(mask.begin() + 1, mask.end());
      Scores found;
      if (!broadcasts_into(mask, scores) || !scores_of(graph, call->args[i], scores, found, depth + 1)) continue;
      Ref<Operand> addend = argument(*call, 1 - i);
      if (!has_shape(addend, mask)) addend = reshaped(graph, addend, mask);
      out.masks.push_back(addend);
      out.masks.insert(out.masks.end(), found.masks.begin(), found.masks.end());
      out.product = found.product;
      out.scale = found.scale;
      return true;
    }
    return false;
  }
  if (call->op == "where" && out.scale == 1) {
    Opt<Operand> rest;
    return take_selection(graph, *call, scores, out, rest) && scores_of(graph, rest, scores, out, depth + 1);
  }
  double factor = 1;
  Ref<Operand> inner = take_scale(graph, as_ref<Operand>(x), factor);
  if (inner.same_as(x)) return false;
  out.scale *= factor;
  return scores_of(graph, inner, scores, out, depth + 1);
}

Replacement attention(GraphRewriter& graph, const OpCall& call) {
  const OpCall* softmax = graph.single_use(call.args[0]) ? graph.producer(call.args[0], "softmax") : nullptr;
  if (!softmax || attribute<bool>(call, "transpose_a") || shape_of_operand(call.args[1]).size() < 2) return {};
  Shape shape = shape_of_operand(softmax->args[0]);
  if (shape.size() < 2 || normal_axis(attribute<int64_t>(*softmax, "axis"), shape.size()) + 1 != static_cast<int64_t>(shape.size()))
    return {};
  Scores scores;
  if (!scores_of(graph, softmax->args[0], shape, scores) || attribute<bool>(*scores.product, "transpose_a")) return {};
  const OpCall& product = *scores.product;
  if (shape_of_operand(product.args[0]).size() < 2 || shape_of_operand(product.args[1]).size() < 2) return {};
  double scale = scores.scale;
  Ref<Operand> q = take_scale(graph, argument(product, 0), scale), k = take_scale(graph, argument(product, 1), scale);
  if (constant_of(k)) return {}; // a layer that happens to end in softmax
  if (attribute<bool>(product, "transpose_b")) k = swapped(graph, k);
  Ref<Operand> v = argument(call, 1);
  if (attribute<bool>(call, "transpose_b")) v = swapped(graph, v);
  Opt<Operand> mask;
  for (const auto& m : scores.masks) mask = mask ? Opt<Operand>(graph.call("add", {mask, m})) : Opt<Operand>(m);
  std::vector<Opt<Operand>> args = {q, k, v};
  if (mask) args.push_back(mask);
  Ref<Value> result = graph.call("attention", std::move(args), attributes("attention", {{"scale", scale}}));
  if (!has_shape(result, shape_of_operand(graph.binding().values[0]))) return {};
  return Operands{result};
}

constexpr GraphPattern patterns[] = {{"matmul", "attention", attention}};

} // namespace

std::span<const GraphPattern> attention_patterns() { return patterns; }

} // namespace tw::passes

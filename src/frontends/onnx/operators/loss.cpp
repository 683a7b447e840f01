// SPDX-License-Identifier: Apache-2.0
// Losses of classification: the negative logarithm of the probability of the right class, weighted by class, without ignored samples.
#include "frontends/onnx/operators/operators.h"

namespace tw::onnx {
namespace {

// log_probabilities: (N, C, d…), target: (N, d…).
Ref<Operand> negative_log_likelihood(NodeContext& c, const Ref<Operand>& log_probabilities, const Ref<Operand>& target,
                                     const Opt<Operand>& weight) {
  DType type = NodeContext::type(log_probabilities)->element, index = NodeContext::type(target)->element;
  Ref<Operand> zero = c.scalar(0, type), label = target;
  Opt<Operand> ignored;
  if (c.has_attribute("ignore_index")) {
    ignored = c.call("equal", {target, c.scalar(static_cast<double>(c.attribute_int("ignore_index", 0)), index)});
    label = c.call("where", {ignored, c.scalar(0, index), target});
  }
  Ref<Operand> picked = c.call("gather_elements", {log_probabilities, c.unsqueeze(label, {1})}, {{"axis", int64_t{1}}});
  Ref<Operand> loss = c.call("neg", {c.squeeze(picked, {1})});
  Opt<Operand> share;
  if (weight) share = c.call("gather", {weight, label});
  else if (ignored) share = c.call("constant_fill", {c.scalar(1, type)}, {{"shape", List<Ref<Expr>>(NodeContext::shape(target))}});
  if (ignored) share = c.call("where", {ignored, zero, share});
  if (share) loss = c.call("mul", {loss, share});
  std::string reduction = c.attribute_string("reduction", "mean");
  auto total = [&](const Opt<Operand>& x) { return c.call("reduce_sum", {x}, {{"keepdims", false}}); };
  if (reduction == "none") return loss;
  if (reduction == "sum") return total(loss);
  if (reduction != "mean") throw user_error("attribute 'reduction' must be none, sum or mean, found '{}'", reduction);
  return share ? c.call("div", {total(loss), total(share)}) : c.call("reduce_mean", {loss}, {{"keepdims", false}});
}

Results log_likelihood_loss(NodeContext& c) { return {negative_log_likelihood(c, c.input(0), c.input(1), c.optional(2))}; }

Results cross_entropy_loss(NodeContext& c) {
  Ref<Operand> log_probabilities = c.call("log_softmax", {c.input(0)}, {{"axis", int64_t{1}}});
  return {negative_log_likelihood(c, log_probabilities, c.input(1), c.optional(2)), log_probabilities};
}

constexpr OperatorRow rows[] = {
    {"NegativeLogLikelihoodLoss", log_likelihood_loss},
    {"SoftmaxCrossEntropyLoss", cross_entropy_loss},
};

} // namespace

OperatorTable loss_operators() { return {"", rows}; }

} // namespace tw::onnx

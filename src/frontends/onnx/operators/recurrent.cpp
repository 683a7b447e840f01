// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU, RNN. The order of gates and inputs is ONNX's own; only the activations need translation: their names, and their parameters,
// which ONNX lists for those activations alone that have any.
#include "frontends/onnx/operators/operators.h"

#include <cctype>

namespace tw::onnx {
namespace {

struct Activation {
  const char* onnx;
  const char* name;
  std::optional<double> alpha, beta; // the usual values, where there is such a parameter
};
constexpr Activation activations[] = {
    {"affine", "affine", 1.0, 0.0},
    {"elu", "elu", 1.0, {}},
    {"hardsigmoid", "hard_sigmoid", 0.2, 0.5},
    {"leakyrelu", "leaky_relu", 0.01, {}},
    {"relu", "relu", {}, {}},
    {"scaledtanh", "scaled_tanh", 1.0, 1.0},
    {"sigmoid", "sigmoid", {}, {}},
    {"softplus", "softplus", {}, {}},
    {"softsign", "softsign", {}, {}},
    {"tanh", "tanh", {}, {}},
    {"thresholdedrelu", "thresholded_relu", 1.0, {}},
};
const Activation* find_activation(std::string name) {
  for (char& letter : name) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  for (const Activation& a : activations)
    if (name == a.onnx) return &a;
  return nullptr;
}

std::string refuse_activation(const Node& node) {
  for (const std::string& name : attribute_strings(node, "activations", {}))
    if (!find_activation(name)) return fmt::format("activation '{}'", name);
  return "";
}

void add_activations(const NodeContext& c, NodeContext::Attributes& attributes) {
  std::vector<std::string> given = attribute_strings(c.node, "activations", {});
  if (given.empty()) return;
  std::vector<float> alphas = attribute_floats(c.node, "activation_alpha", {}), betas = attribute_floats(c.node, "activation_beta", {});
  std::vector<Name> names;
  std::vector<double> alpha, beta;
  size_t next_alpha = 0, next_beta = 0;
  auto take = [](const std::vector<float>& values, size_t& next, std::optional<double> usual) {
    if (!usual) return 0.0;
    return next < values.size() ? double{values[next++]} : *usual;
  };
  for (const auto& name : given) {
    const Activation* a = find_activation(name);
    if (!a) throw unsupported("activation '{}' is not supported", name);
    names.push_back(a->name);
    alpha.push_back(take(alphas, next_alpha, a->alpha));
    beta.push_back(take(betas, next_beta, a->beta));
  }
  attributes.emplace_back("activations", List<Name>(names));
  attributes.emplace_back("alphas", List<double>(alpha));
  attributes.emplace_back("betas", List<double>(beta));
}

// Inputs: x, weights, recurrent weights, bias, lengths, initial hidden (, initial cell, peepholes).
template <Text op, size_t inputs> Results recurrent(NodeContext& c) {
  std::vector<Opt<Operand>> args{c.input(0), c.input(1), c.input(2)};
  while (args.size() < inputs) args.push_back(c.optional(args.size()));
  Shape weights = c.shape(2);
  int64_t hidden = c.attribute_int("hidden_size", 0);
  if (!c.has_attribute("hidden_size") && !weights.empty()) hidden = as_int(weights.back()).value_or(0);
  NodeContext::Attributes attributes{{"hidden_size", hidden},
                                     {"direction", Name(c.attribute_string("direction", "forward"))},
                                     {"clip", c.attribute_float("clip", 0)},
                                     {"batch_first", c.attribute_bool("layout", false)}};
  if (inputs == 8) attributes.emplace_back("input_forget", c.attribute_bool("input_forget", false));
  else attributes.emplace_back("linear_before_reset", c.attribute_bool("linear_before_reset", false));
  add_activations(c, attributes);
  return c.call_all(op.value, args, attributes);
}

constexpr OperatorRow rows[] = {
    {"GRU", recurrent<"gru", 6>, refuse_activation},
    {"LSTM", recurrent<"lstm", 8>, refuse_activation},
    {"RNN", recurrent<"rnn", 6>, refuse_activation},
};

} // namespace

OperatorTable recurrent_operators() { return {"", rows}; }

} // namespace tw::onnx

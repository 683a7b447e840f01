// SPDX-License-Identifier: Apache-2.0
// Matrix products and convolutions: transposes and padding that the operator can do itself, products by constants in one form.
#include "ops/einsum.h"
#include "passes/graph/simplify_graph/rules.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <string>

namespace tw::passes {
namespace {

std::vector<int64_t> swapped_last(std::vector<int64_t> order) {
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return order;
}

// Weights of the form (k, n) are what packing wants: constants are transposed now.
Replacement transpose_constant(GraphRewriter& graph, const OpCall& call) {
  const auto* weights = constant_of(call.args[1]);
  if (!attribute<bool>(call, "transpose_b") || !weights || weights->type->shape.size() < 2) return {};
  std::vector<int64_t> order;
  for (size_t d = 0; d < weights->type->shape.size(); ++d) order.push_back(static_cast<int64_t>(d));
  return Operands{
      graph.call("matmul", {call.args[0], transposed(*weights, swapped_last(order))}, with_attribute(call, "transpose_b", false))};
}

// An argument that a transpose brings into a form where its last two dimensions have changed places: the product reads it as it was.
Replacement take_transpose(GraphRewriter& graph, const OpCall& call) {
  for (size_t i = 0; i < 2; ++i) {
    const OpCall* transpose = graph.producer(call.args[i], "transpose");
    size_t rank = shape_of_operand(call.args[i]).size();
    if (!transpose || rank < 2) continue;
    std::vector<int64_t> order = normal_axes(attribute<List<int64_t>>(*transpose, "axes"), rank);
    if (order.empty())
      for (size_t d = rank; d-- > 0;) order.push_back(static_cast<int64_t>(d));
    auto last = static_cast<int64_t>(rank) - 1;
    if (order.back() == last || order[rank - 2] != last) continue; // contiguous already, or not made so by this
    std::vector<int64_t> rest = swapped_last(order);
    std::vector<Opt<Operand>> args = call.args.vector();
    args[i] = transpose->args[0];
    if (!std::is_sorted(rest.begin(), rest.end()))
      args[i] = graph.call("transpose", {transpose->args[0]}, attributes("transpose", {{"axes", List<int64_t>(rest)}}));
    const char* flag = i == 0 ? "transpose_a" : "transpose_b";
    return Operands{graph.call("matmul", std::move(args), with_attribute(call, flag, !attribute<bool>(call, flag)))};
  }
  return {};
}

bool is_zero_or_absent(const OpCall& pad) { return !has_argument(pad, 1) || is_uniform(pad.args[1], 0); }

// Zeros around the spatial dimensions are the convolution's own padding. Average pools count padding only if they say so, max pools never
// take it: these two keep the pad.
Replacement take_padding(GraphRewriter& graph, const OpCall& call) {
  const OpCall* pad = graph.producer(call.args[0], "pad");
  if (!pad || attribute<Name>(*pad, "mode") != "constant" || !is_zero_or_absent(*pad)) return {};
  Shape begin = sizes_attribute(*pad, "begin"), end = sizes_attribute(*pad, "end"), pads = sizes_attribute(call, "pads");
  size_t rank = begin.size(), space = rank - 2, first = attribute<bool>(call, "channels_last") ? 1 : 2;
  std::vector<Ref<Expr>> merged(2 * space, imm(0));
  for (size_t d = 0; d < rank; ++d) {
    bool spatial = d >= first && d < first + space;
    auto before = as_int(begin[d]), after = as_int(end[d]);
    if (!before || !after || *before < 0 || *after < 0 || (!spatial && (*before || *after))) return {};
    if (!spatial) continue;
    merged[d - first] = begin[d] + (pads.empty() ? imm(0) : pads[d - first]);
    merged[space + d - first] = end[d] + (pads.empty() ? imm(0) : pads[space + d - first]);
  }
  std::vector<Opt<Operand>> args = call.args.vector();
  args[0] = pad->args[0];
  return Operands{graph.call(call.op, std::move(args), with_attribute(call, "pads", Shape(std::move(merged))))};
}

// Taps at the edge of a kernel that meet nothing but zeros, whatever the place: those of large dilations in small maps, of deep kernels in
// shallow volumes. The kernel and its padding become smaller by them.
struct Crop {
  int64_t before = 0, after = 0;
};
Crop unread_taps(int64_t input, int64_t output, int64_t kernel, int64_t pad_before, int64_t pad_after, int64_t stride, int64_t dilation) {
  Crop crop;
  // The last place reads farthest to the right, the first one farthest to the left. Padding stays at least 0.
  while (crop.before + 1 < kernel && (output - 1) * stride + crop.before * dilation < pad_before &&
         (crop.before + 1) * dilation <= pad_before)
    ++crop.before;
  while (crop.before + crop.after + 1 < kernel && (kernel - 1 - crop.after) * dilation - pad_before >= input &&
         (crop.after + 1) * dilation <= pad_after)
    ++crop.after;
  return crop;
}

Replacement drop_unread_taps(GraphRewriter& graph, const OpCall& call) {
  const Constant* weights = constant_of(call.args[1]);
  Shape pads = sizes_attribute(call, "pads");
  if (!weights || pads.empty()) return {};
  Shape input = shape_of_operand(call.args[0]), output = shape_of_operand(graph.binding().values[0]);
  auto strides = attribute<List<int64_t>>(call, "strides"), dilations = attribute<List<int64_t>>(call, "dilations");
  bool channels_last = attribute<bool>(call, "channels_last");
  size_t space = input.size() - 2, first = channels_last ? 1 : 2;
  auto shape = static_shape(weights->type->shape);
  if (!shape) return {};
  std::vector<int64_t> begin(shape->size(), 0), sizes = *shape;
  std::vector<Ref<Expr>> left = pads.vector();
  bool found = false;
  for (size_t d = 0; d < space; ++d) {
    auto in = as_int(input[first + d]), out = as_int(output[first + d]), before = as_int(pads[d]), after = as_int(pads[space + d]);
    if (!in || !out || !before || !after || *out < 1) continue;
    int64_t stride = strides.empty() ? 1 : strides[d], dilation = dilations.empty() ? 1 : dilations[d];
    size_t tap = channels_last ? d : 2 + d;
    Crop crop = unread_taps(*in, *out, sizes[tap], *before, *after, stride, dilation);
    found = found || crop.before || crop.after;
    begin[tap] = crop.before;
    sizes[tap] -= crop.before + crop.after;
    left[d] = imm(*before - crop.before * dilation);
    left[space + d] = imm(*after - crop.after * dilation);
  }
  if (!found) return {};
  std::vector<Opt<Operand>> args = call.args.vector();
  args[1] = sliced(*weights, begin, sizes);
  return Operands{graph.call("convolution", std::move(args), with_attribute(call, "pads", Shape(std::move(left))))};
}

// A convolution that does not look along its first place (1 × 3 × 3 over frames) is one over as many more images: with a place less, forms
// with fewer products know it.
Replacement merge_first_place(GraphRewriter& graph, const OpCall& call) {
  const Constant* weights = constant_of(call.args[1]);
  Shape input = shape_of_operand(call.args[0]), output = shape_of_operand(graph.binding().values[0]), pads = sizes_attribute(call, "pads");
  if (!weights || input.size() < 5 || !attribute<bool>(call, "channels_last") || !is_int(weights->type->shape[0], 1)) return {};
  size_t space = input.size() - 2;
  auto strides = attribute<List<int64_t>>(call, "strides").vector(), dilations = attribute<List<int64_t>>(call, "dilations").vector();
  if (!pads.empty() && (!is_int(pads[0], 0) || !is_int(pads[space], 0))) return {};
  if (!strides.empty() && strides[0] != 1) return {};
  auto without_first = [](auto list) {
    if (!list.empty()) list.erase(list.begin());
    return list;
  };
  std::vector<Ref<Expr>> shape = input.vector(), fewer_pads = pads.vector();
  shape[1] = arith::simplify(shape[0] * shape[1]);
  if (!pads.empty()) fewer_pads.erase(fewer_pads.begin() + static_cast<ptrdiff_t>(space)), fewer_pads.erase(fewer_pads.begin());
  std::vector<Opt<Operand>> args = call.args.vector();
  args[0] = reshaped(graph, call.args[0], Shape(without_first(shape)));
  args[1] = reshaped(*weights, Shape(weights->type->shape.begin() + 1, weights->type->shape.end()));
  Ref<Value> result = graph.call("convolution", std::move(args),
                                 attributes("convolution", {{"channels_last", true},
                                                            {"groups", attribute<int64_t>(call, "groups")},
                                                            {"strides", List<int64_t>(without_first(strides))},
                                                            {"dilations", List<int64_t>(without_first(dilations))},
                                                            {"pads", Shape(std::move(fewer_pads))}}));
  return Operands{reshaped(graph, result, output)};
}

// Is it one factor for each channel, the last dimension?
bool is_channel_vector(const Opt<Operand>& x, const Ref<Expr>& channels) {
  Shape shape = shape_of_operand(x);
  return !shape.empty() && equal(shape.back(), channels) &&
         std::all_of(shape.begin(), shape.end() - 1, [](const auto& size) { return is_int(size, 1); });
}

// Factors of a convolution's input channels (squeeze and excitation) go into its weights where the input has many times their elements:
// such weights are no constants, which could be stored panel by panel.
Replacement scale_weights(GraphRewriter& graph, const OpCall& call) {
  const OpCall* scaled = graph.single_use(call.args[0]) ? graph.producer(call.args[0], "mul") : nullptr;
  if (!scaled || !attribute<bool>(call, "channels_last") || attribute<int64_t>(call, "groups") != 1) return {};
  Shape input = shape_of_operand(call.args[0]);
  auto weights = static_shape(shape_of_operand(call.args[1])), sizes = static_shape(input);
  if (!weights || !sizes) return {};
  for (size_t i = 0; i < 2; ++i) {
    if (!is_channel_vector(scaled->args[1 - i], input.back()) || !has_shape(scaled->args[i], input)) continue;
    auto product = [](auto begin, auto end) { return std::accumulate(begin, end, int64_t{1}, std::multiplies<>()); };
    if (8 * product(weights->begin(), weights->end()) > product(sizes->begin(), sizes->end())) return {};
    Ref<Value> factors = reshaped(graph, scaled->args[1 - i], Shape{input.back(), imm(1)});
    std::vector<Opt<Operand>> args = call.args.vector();
    args[0] = scaled->args[i];
    args[1] = graph.call("mul", {call.args[1], factors});
    return Operands{graph.call("convolution", std::move(args), call.attrs.vector())};
  }
  return {};
}

bool is_product(const GraphRewriter& graph, const Opt<Operand>& x) {
  const OpCall* call = graph.single_use(x) ? graph.producer(x) : nullptr;
  auto multiplies = [](const OpCall* made) { return made && (made->op == "matmul" || made->op == "convolution"); };
  if (!call || multiplies(call)) return call;
  return call->op == "add" && (multiplies(graph.producer(call->args[0])) || multiplies(graph.producer(call->args[1])));
}

// So is an activation of it.
Replacement activate_before_reshape(GraphRewriter& graph, const OpCall& call) {
  const OpCall* reshape = graph.single_use(call.args[0]) ? graph.producer(call.args[0], "reshape") : nullptr;
  if (!reshape || !is_product(graph, reshape->args[0])) return {};
  std::vector<Opt<Operand>> args = call.args.vector(); // others than the first are scalars
  args[0] = reshape->args[0];
  Ref<Value> result = graph.call(call.op, std::move(args), call.attrs.vector());
  return Operands{reshaped(graph, result, shape_of_operand(graph.binding().values[0]))};
}

// What is added to a reshaped product is added in front of the reshape, where it is the product's epilogue.
Replacement add_before_reshape(GraphRewriter& graph, const OpCall& call) {
  for (size_t i = 0; i < 2; ++i) {
    const OpCall* reshape = graph.single_use(call.args[i]) ? graph.producer(call.args[i], "reshape") : nullptr;
    Shape shape = shape_of_operand(graph.binding().values[0]);
    if (!reshape || !is_product(graph, reshape->args[0]) || is_product(graph, call.args[1 - i])) continue;
    if (!has_shape(call.args[i], shape) || !has_shape(call.args[1 - i], shape)) continue;
    std::vector<Opt<Operand>> args(2, reshape->args[0]);
    args[1 - i] = reshaped(graph, call.args[1 - i], shape_of_operand(reshape->args[0]));
    Ref<Value> sum = graph.call("add", std::move(args));
    return Operands{reshaped(graph, sum, shape)};
  }
  return {};
}

// The letters of an equation's two inputs by what they are to a matrix product.
struct ProductLetters {
  std::string batch, rows, columns, summed;
};
std::optional<ProductLetters> product_letters(const std::string& left, const std::string& right, const std::string& result) {
  ProductLetters out;
  auto in = [](char letter, const std::string& term) { return term.find(letter) != std::string::npos; };
  for (const std::string* term : {&left, &right, &result})
    for (char letter : *term)
      if (!std::isalpha(static_cast<unsigned char>(letter)) || std::count(term->begin(), term->end(), letter) > 1) return {};
  for (char letter : left) {
    if (in(letter, right)) (in(letter, result) ? out.batch : out.summed) += letter;
    else if (in(letter, result)) out.rows += letter;
    else return {};
  }
  for (char letter : right) {
    if (in(letter, left)) continue;
    if (!in(letter, result)) return {};
    out.columns += letter;
  }
  return out.summed.empty() ? std::nullopt : std::optional(out);
}

// One input of the product, or its result, brought from the order `from` into the order `to` of the letters.
Ref<Operand> with_letters(GraphRewriter& graph, const Ref<Operand>& x, const std::string& from, const std::string& to) {
  if (from == to) return x;
  std::vector<int64_t> axes;
  for (char letter : to) axes.push_back(static_cast<int64_t>(from.find(letter)));
  return graph.call("transpose", {x}, attributes("transpose", {{"axes", List<int64_t>(axes)}}));
}

// An einsum that is a matrix product for each of its batches: letters of one kind become one dimension, and back.
Replacement einsum_as_product(GraphRewriter& graph, const OpCall& call) {
  if (call.args.size() != 2) return {};
  auto terms = ops::einsum_terms(attribute<Name>(call, "equation").str());
  if (terms.inputs.size() != 2) return {};
  const std::string &left = terms.inputs[0], &right = terms.inputs[1];
  auto letters = product_letters(left, right, terms.result);
  if (!letters) return {};
  std::map<char, Ref<Expr>> sizes;
  for (size_t i = 0; i < 2; ++i) {
    Shape shape = shape_of_operand(call.args[i]);
    for (size_t d = 0; d < shape.size(); ++d)
      if (auto [size, fresh] = sizes.emplace(terms.inputs[i][d], shape[d]); !fresh && !equal(size->second, shape[d]))
        return {}; // it broadcasts
  }
  auto sizes_of = [&](const std::string& group) {
    std::vector<Ref<Expr>> out;
    for (char letter : group) out.push_back(sizes.at(letter));
    return out;
  };
  auto merged = [&](const Ref<Operand>& x, const std::string& first, const std::string& second) -> Ref<Operand> {
    if (first.size() == 1 && second.size() == 1) return x;
    std::vector<Ref<Expr>> shape = sizes_of(letters->batch);
    for (const std::string* group : {&first, &second}) {
      Ref<Expr> size = imm(1);
      for (const auto& one : sizes_of(*group)) size = size * one;
      shape.push_back(arith::simplify(size));
    }
    return reshaped(graph, x, Shape(std::move(shape)));
  };
  const auto& [batch, rows, columns, summed] = *letters;
  Ref<Operand> a = merged(with_letters(graph, argument(call, 0), left, batch + rows + summed), rows, summed);
  Ref<Operand> b = merged(with_letters(graph, argument(call, 1), right, batch + summed + columns), summed, columns);
  Ref<Operand> product = graph.call("matmul", {a, b});
  if (rows.size() != 1 || columns.size() != 1) product = reshaped(graph, product, Shape(sizes_of(batch + rows + columns)));
  return Operands{with_letters(graph, product, batch + rows + columns, terms.result)};
}

constexpr GraphRule rules[] = {
    {"einsum", "matrix products", einsum_as_product, true},
    {"add", "a reshaped product", add_before_reshape},
    {"relu", "a reshaped product", activate_before_reshape},
    {"clip", "a reshaped product", activate_before_reshape},
    {"silu", "a reshaped product", activate_before_reshape},
    {"sigmoid", "a reshaped product", activate_before_reshape},
    {"hard_swish", "a reshaped product", activate_before_reshape},
    {"leaky_relu", "a reshaped product", activate_before_reshape},
    {"elu", "a reshaped product", activate_before_reshape},
    {"gelu", "a reshaped product", activate_before_reshape},
    {"tanh", "a reshaped product", activate_before_reshape},
    {"matmul", "constants of the form (k, n)", transpose_constant},
    {"matmul", "a transpose of the last two dimensions", take_transpose},
    {"convolution", "padding of the input", take_padding},
    {"convolution", "taps that only meet padding", drop_unread_taps},
    {"convolution", "places along which it does not look", merge_first_place},
    {"convolution", "factors of the input's channels", scale_weights, true},
};

} // namespace

std::span<const GraphRule> product_rules() { return rules; }

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
// Products: convolutions, matrix products, and the forms of them that ONNX Runtime's optimiser writes (com.microsoft: FusedConv,
// FusedMatMul …).
#include "frontends/onnx/operators/windows.h"

#include "ops/sizes.h"

namespace tw::onnx {
namespace {

// The spatial sizes of the weights; kernel_shape says the same again and must agree.
std::vector<Ref<Expr>> kernel_sizes(const NodeContext& c, const Shape& weights) {
  std::vector<Ref<Expr>> sizes = spatial_sizes(weights);
  if (!c.has_attribute("kernel_shape")) return sizes;
  std::vector<int64_t> stated = c.attribute_ints("kernel_shape", {});
  if (stated.size() != sizes.size())
    throw user_error("attribute 'kernel_shape' must have {} values, found {}", sizes.size(), stated.size());
  for (size_t d = 0; d < sizes.size(); ++d)
    if (ops::surely_different(sizes[d], imm(stated[d])))
      throw user_error("attribute 'kernel_shape' says {} in dimension {}, but the weights have {}", stated[d], d, ops::to_string(sizes[d]));
  return sizes;
}

Ref<Operand> convolve(NodeContext& c, const Ref<Operand>& x, const Ref<Operand>& weights, const Opt<Operand>& bias) {
  Shape shape = NodeContext::shape(x);
  WindowAttributes w = window_attributes(c, spatial_sizes(shape), kernel_sizes(c, NodeContext::shape(weights)));
  return c.call("convolution", {x, weights, bias},
                {{"strides", List<int64_t>(w.strides)},
                 {"dilations", List<int64_t>(w.dilations)},
                 {"pads", List<Ref<Expr>>(w.pads)},
                 {"groups", c.attribute_int("group", 1)}});
}

Results convolution(NodeContext& c) { return {convolve(c, c.input(0), c.input(1), c.optional(2))}; }

// An activation after the sum of the product and an optional further input.
Results fused_convolution(NodeContext& c) {
  Ref<Operand> y = convolve(c, c.input(0), c.input(1), c.optional(2));
  if (c.has(3)) y = c.call("add", {y, c.input(3)});
  std::string name = c.attribute_string("activation", "");
  if (name.empty()) return {y};
  std::vector<float> parameters = attribute_floats(c.node, "activation_params", {});
  auto parameter = [&](size_t i) { return i < parameters.size() ? std::optional<double>(parameters[i]) : std::nullopt; };
  return {activate(c, y, name, parameter(0), parameter(1))};
}

// The result's size is given by pads, or the pads by the result's size.
Results convolution_transpose(NodeContext& c) {
  std::vector<Ref<Expr>> sizes = spatial_sizes(c.shape(0));
  std::string rule = padding_rule(c);
  std::vector<int64_t> extra = c.attribute_ints("output_padding", std::vector<int64_t>(sizes.size(), 0));
  std::vector<int64_t> wanted = c.attribute_ints("output_shape", {});
  if (extra.size() != sizes.size())
    throw user_error("attribute 'output_padding' must have {} values, found {}", sizes.size(), extra.size());
  if (wanted.size() == sizes.size() + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (!wanted.empty() && wanted.size() != sizes.size())
    throw user_error("attribute 'output_shape' must have {} values, found {}", sizes.size(), wanted.size());
  std::vector<Ref<Expr>> kernel = kernel_sizes(c, c.shape(1));
  WindowAttributes w = wanted.empty() && rule == "NOTSET" ? window_attributes(c, sizes, kernel) : strides_and_dilations(c, kernel);
  if (w.pads.empty()) {
    std::vector<Ref<Expr>> begins(sizes.size(), imm(0)), ends = begins;
    for (size_t d = 0; d < sizes.size(); ++d) {
      if (wanted.empty() && rule == "VALID") continue;
      Ref<Expr> target = wanted.empty() ? sizes[d] * w.strides[d] : imm(wanted[d]);
      Ref<Expr> total = ops::simplified((sizes[d] - 1) * w.strides[d] + w.span(d) + extra[d] - target);
      if (auto known = as_int(total); known && *known < 0) {
        extra[d] -= *known;
        total = imm(0);
      }
      std::tie(begins[d], ends[d]) = split_padding(total, rule == "SAME_UPPER");
    }
    w.pads = begins;
    w.pads.insert(w.pads.end(), ends.begin(), ends.end());
  }
  std::vector<Ref<Expr>> output_padding;
  for (int64_t e : extra) output_padding.push_back(imm(e));
  return {c.call("convolution_transpose", {c.input(0), c.input(1), c.optional(2)},
                 {{"strides", List<int64_t>(w.strides)},
                  {"dilations", List<int64_t>(w.dilations)},
                  {"pads", List<Ref<Expr>>(w.pads)},
                  {"output_padding", List<Ref<Expr>>(output_padding)},
                  {"groups", c.attribute_int("group", 1)}})};
}

Ref<Operand> scaled(NodeContext& c, const Ref<Operand>& x, double factor) {
  return factor == 1 ? x : c.call("mul", {x, c.scalar(factor, NodeContext::type(x)->element)});
}

// alpha * A' * B' + beta * C
Results gemm(NodeContext& c) {
  for (size_t i : {0, 1})
    if (c.rank(i) != 2) throw user_error("input {} must have rank 2, found {}", i, c.rank(i));
  Ref<Operand> y = c.call("matmul", {c.input(0), c.input(1)},
                          {{"transpose_a", c.attribute_bool("transA", false)}, {"transpose_b", c.attribute_bool("transB", false)}});
  y = scaled(c, y, c.attribute_float("alpha", 1));
  double beta = c.attribute_float("beta", 1);
  if (!c.has(2) || beta == 0) return {y};
  return {c.call("add", {y, scaled(c, c.input(2), beta)})};
}

// Permutes so that the dimensions before the last two stand behind the first of them (FusedMatMul's transBatch).
Ref<Operand> batch_transposed(NodeContext& c, const Ref<Operand>& x) {
  int64_t rank = NodeContext::rank(x);
  std::vector<int64_t> permutation;
  for (int64_t d = 1; d + 1 < rank; ++d) permutation.push_back(d);
  permutation.insert(permutation.end(), {0, rank - 1});
  return rank < 3 ? x : c.transpose(x, permutation);
}
Results fused_matmul(NodeContext& c) {
  Ref<Operand> a = c.input(0), b = c.input(1);
  if (c.attribute_bool("transBatchA", false)) a = batch_transposed(c, a);
  if (c.attribute_bool("transBatchB", false)) b = batch_transposed(c, b);
  bool transpose_a = c.attribute_bool("transA", false) && NodeContext::rank(a) > 1;
  bool transpose_b = c.attribute_bool("transB", false) && NodeContext::rank(b) > 1;
  Ref<Operand> y = c.call("matmul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
  return {scaled(c, y, c.attribute_float("alpha", 1))};
}

Results fused_gemm(NodeContext& c) {
  Ref<Operand> y = gemm(c)[0];
  std::string name = c.attribute_string("activation", "");
  if (name.empty()) return {y};
  auto parameter = [&](const char* key) { return c.has_attribute(key) ? std::optional<double>(c.attribute_float(key, 0)) : std::nullopt; };
  return {activate(c, y, name, parameter("activation_alpha"), parameter("activation_beta"))};
}

Results einsum(NodeContext& c) { return {c.call("einsum", c.all_inputs(), {{"equation", Name(attribute_string(c.node, "equation"))}})}; }

constexpr OperatorRow rows[] = {
    {"Conv", convolution}, {"ConvTranspose", convolution_transpose}, {"Einsum", einsum}, {"Gemm", gemm}, {"MatMul", plain<"matmul">},
};
constexpr OperatorRow microsoft_rows[] = {
    {"FusedConv", fused_convolution},
    {"FusedGemm", fused_gemm},
    {"FusedMatMul", fused_matmul},
    {"TransposeMatMul", fused_matmul},
};

} // namespace

OperatorTable product_operators() { return {"", rows}; }
OperatorTable microsoft_product_operators() { return {"com.microsoft", microsoft_rows}; }

} // namespace tw::onnx

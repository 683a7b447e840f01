// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/operators/windows.h"

#include "ops/sizes.h"

namespace tw::onnx {

namespace {
std::vector<int64_t> list_of(const NodeContext& c, const char* name, size_t length, int64_t otherwise, int64_t least) {
  std::vector<int64_t> values = c.attribute_ints(name, std::vector<int64_t>(length, otherwise));
  if (values.size() != length) throw user_error("attribute '{}' must have {} values, found {}", name, length, values.size());
  for (int64_t v : values)
    if (v < least) throw user_error("attribute '{}' must have values of at least {}, found {}", name, least, v);
  return values;
}
} // namespace

std::vector<Ref<Expr>> spatial_sizes(const Shape& shape) {
  if (shape.size() < 3) throw user_error("input 0 must have rank 3 or more (batch, channels, space), found {}", shape.size());
  return {shape.begin() + 2, shape.end()};
}

Ref<Expr> WindowAttributes::span(size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }

std::string padding_rule(const NodeContext& c) {
  std::string rule = c.attribute_string("auto_pad", "NOTSET");
  if (rule != "NOTSET" && rule != "SAME_UPPER" && rule != "SAME_LOWER" && rule != "VALID" && !rule.empty())
    throw user_error("attribute 'auto_pad' must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, found '{}'", rule);
  return rule.empty() ? "NOTSET" : rule;
}

std::pair<Ref<Expr>, Ref<Expr>> split_padding(const Ref<Expr>& total, bool upper) {
  Ref<Expr> less = ops::simplified(floordiv(total, 2)), more = ops::simplified(total - less);
  return upper ? std::pair(less, more) : std::pair(more, less);
}

WindowAttributes strides_and_dilations(const NodeContext& c, const std::vector<Ref<Expr>>& kernel) {
  WindowAttributes out;
  out.kernel = kernel;
  out.strides = list_of(c, "strides", kernel.size(), 1, 1);
  out.dilations = list_of(c, "dilations", kernel.size(), 1, 1);
  return out;
}

WindowAttributes window_attributes(const NodeContext& c, const std::vector<Ref<Expr>>& sizes, const std::vector<Ref<Expr>>& kernel) {
  if (kernel.size() != sizes.size())
    throw user_error("the window must have {} sizes, as the input has, found {}", sizes.size(), kernel.size());
  WindowAttributes out = strides_and_dilations(c, kernel);
  std::string rule = padding_rule(c);
  if (rule == "NOTSET") {
    for (int64_t p : list_of(c, "pads", 2 * sizes.size(), 0, std::numeric_limits<int64_t>::min())) out.pads.push_back(imm(p));
    return out;
  }
  std::vector<Ref<Expr>> begins(sizes.size(), imm(0)), ends = begins;
  if (rule != "VALID") {
    for (size_t d = 0; d < sizes.size(); ++d) {
      Ref<Expr> outputs = ceildiv(sizes[d], imm(out.strides[d]));
      Ref<Expr> total = ops::simplified(max((outputs - 1) * out.strides[d] + out.span(d) - sizes[d], imm(0)));
      std::tie(begins[d], ends[d]) = split_padding(total, rule == "SAME_UPPER");
    }
  }
  out.pads = begins;
  out.pads.insert(out.pads.end(), ends.begin(), ends.end());
  return out;
}

} // namespace tw::onnx

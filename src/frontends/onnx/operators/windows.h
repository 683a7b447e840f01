// SPDX-License-Identifier: Apache-2.0
// What convolutions and pools share in ONNX: strides, dilations, and padding that is given as numbers or by a rule (auto_pad).
#pragma once

#include "frontends/onnx/operators/operators.h"

namespace tw::onnx {

struct WindowAttributes {
  std::vector<Ref<Expr>> kernel;
  std::vector<int64_t> strides, dilations;
  std::vector<Ref<Expr>> pads; // all begins, then all ends

  size_t axes() const { return kernel.size(); }
  // Inputs from the first to the last tap.
  Ref<Expr> span(size_t axis) const;
};
// Reads the attributes; user errors for lists of a wrong length and values that make no window. `sizes`: the spatial sizes of the input.
WindowAttributes window_attributes(const NodeContext& c, const std::vector<Ref<Expr>>& sizes, const std::vector<Ref<Expr>>& kernel);
// Strides and dilations alone, without pads.
WindowAttributes strides_and_dilations(const NodeContext& c, const std::vector<Ref<Expr>>& kernel);
// The sizes after batch and channel; a user error if there are none.
std::vector<Ref<Expr>> spatial_sizes(const Shape& shape);
std::string padding_rule(const NodeContext& c);
// Splits the padding that makes up a total: the odd one goes to the end (upper) or to the beginning.
std::pair<Ref<Expr>, Ref<Expr>> split_padding(const Ref<Expr>& total, bool upper);

} // namespace tw::onnx

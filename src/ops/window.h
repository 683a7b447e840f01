// SPDX-License-Identifier: Apache-2.0
// What convolutions and pools share: a window of taps that moves over the spatial dimensions, with padding, strides and dilations.
#pragma once

#include "ops/elementwise.h"

namespace tw::ops {

// The layout of data: N C spatial… or N spatial… C.
struct DataLayout {
  bool channels_last;
  size_t rank;
  size_t spatial() const { return rank - 2; }
  size_t channel() const { return channels_last ? rank - 1 : 1; }
  size_t first() const { return channels_last ? 1 : 2; }
  Indices index(const Ref<Expr>& n, const Ref<Expr>& channel, const Indices& place) const;
  Shape shape(const Ref<Expr>& n, const Ref<Expr>& channel, const Shape& sizes) const { return Shape(index(n, channel, sizes.vector())); }
  Shape sizes(const Shape& shape) const { return Shape(shape.begin() + first(), shape.begin() + first() + spatial()); }
};

struct WindowAxis {
  Ref<Expr> input, kernel, pad_begin, pad_end;
  int64_t stride = 1, dilation = 1;
  Ref<Expr> span() const { return (kernel - 1) * dilation + 1; } // inputs from first to last tap
  Ref<Expr> output(bool ceil_mode = false) const;
  // The input place of a tap in padded coordinates.
  Ref<Expr> padded_place(const Ref<Expr>& out, const Ref<Expr>& tap) const { return out * stride + tap * dilation; }
};
using Window = std::vector<WindowAxis>;

// `pads`: all begins, then all ends; empty lists mean 0 pads, 1 strides, 1 dilations. User errors for lists of another length, values below
// 1, and windows that are certainly larger than the padded input.
Window make_window(const Shape& input, const Shape& kernel, const List<Ref<Expr>>& pads, const List<int64_t>& strides,
                   const List<int64_t>& dilations);
bool has_padding(const Window& window);
Shape output_sizes(const Window& window, bool ceil_mode = false);
Shape kernel_sizes(const Window& window);
// Sizes that are only known at run time must still hold a window.
void assume_fits(TypeContext& c, const Window& window);

// x in the computation type with `fill` around it, so long that every tap of every output is inside; x itself if nothing is added.
Tensor padded(Compute& c, const Tensor& x, const DataLayout& layout, const Window& window, const Shape& outputs, const Ref<Expr>& fill);

} // namespace tw::ops

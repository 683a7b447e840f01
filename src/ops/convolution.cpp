// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution.h"

#include "ops/sizes.h"
#include "ops/window.h"

namespace tw::ops {

namespace {
// Weights: (O, I / groups, k…); for channels-last data (k…, I / groups, O).
struct Weights {
  const Shape& shape;
  bool channels_last;
  Ref<Expr> outputs() const { return channels_last ? shape.back() : shape[0]; }
  Ref<Expr> inputs() const { return channels_last ? shape[shape.size() - 2] : shape[1]; }
  Shape kernel() const { return channels_last ? Shape(shape.begin(), shape.end() - 2) : Shape(shape.begin() + 2, shape.end()); }
  Indices index(const E& o, const E& i, const Indices& taps) const {
    Indices out = taps;
    out.insert(channels_last ? out.end() : out.begin(), {channels_last ? i : o, channels_last ? o : i});
    return out;
  }
};

Types types(TypeContext& c) {
  auto a = c.attrs<ConvolutionAttributes>();
  int64_t rank = c.rank(0);
  if (rank < 3) throw user_error("x must have rank 3 or more (batch, channels, space), found {}", rank);
  if (c.rank(1) != rank) throw user_error("weights must have the rank {} of x, found {}", rank, c.rank(1));
  if (c.element(1) != c.element(0))
    throw user_error("weights must have elements of {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(1)));
  DataLayout layout{a.channels_last, static_cast<size_t>(rank)};
  Shape x = c.shape(0), w = c.shape(1);
  Weights weights{w, a.channels_last};
  if (a.groups < 1) throw user_error("groups must be at least 1, found {}", a.groups);
  c.same(x[layout.channel()], weights.inputs() * a.groups, "channels of x and input channels of the weights times groups");
  if (auto o = as_int(weights.outputs()); o && *o % a.groups != 0)
    throw user_error("{} output channels must divide into {} groups", *o, a.groups);
  Window window = make_window(layout.sizes(x), weights.kernel(), a.pads, a.strides, a.dilations);
  assume_fits(c, window);
  if (c.has(2)) {
    if (c.rank(2) != 1) throw user_error("the bias must have rank 1, found {}", c.rank(2));
    c.same(c.shape(2)[0], weights.outputs(), "the bias and the output channels");
  }
  return {tensor_type(layout.shape(x[0], weights.outputs(), output_sizes(window)), c.element(0))};
}

void compute(Compute& c, Multiply multiply) {
  auto a = c.attrs<ConvolutionAttributes>();
  Tensor x = c.input(0), w = c.input(1), out = c.output(0);
  DataLayout layout{a.channels_last, x.rank()};
  Weights weights{w.shape(), a.channels_last};
  Window window = make_window(layout.sizes(x.shape()), weights.kernel(), a.pads, a.strides, a.dilations);
  Shape places = layout.sizes(out.shape());
  Tensor source = has_padding(window) ? padded(c, x, layout, window, places, zero(x.element())) : x;
  E per_group = simplified(floordiv(weights.outputs(), a.groups));
  // Input channels first, then taps: the order of the weights, or of channels-last data.
  std::vector<Ref<Expr>> extents = kernel_sizes(window).vector();
  extents.insert(a.channels_last ? extents.end() : extents.begin(), weights.inputs());
  auto fold = [&](const Indices& i, const Indices& r) {
    E channel = a.channels_last ? r.back() : r.front();
    Indices taps = a.channels_last ? Indices(r.begin(), r.end() - 1) : Indices(r.begin() + 1, r.end());
    E o = i[layout.channel()];
    Indices place;
    for (size_t d = 0; d < window.size(); ++d) place.push_back(window[d].padded_place(i[layout.first() + d], taps[d]));
    E from = a.groups == 1 ? channel : floordiv(o, per_group) * weights.inputs() + channel;
    return multiply(widen(source(layout.index(i[0], from, place))), widen(w(weights.index(o, channel, taps))));
  };
  sum_with_bias(c, Shape(extents), fold, layout.channel());
}
} // namespace

OpDef define_convolution(std::string doc, std::vector<std::string> inputs, int64_t products, Multiply multiply,
                         std::vector<std::string> examples) {
  return define<ConvolutionAttributes>({.doc = std::move(doc),
                                        .inputs = std::move(inputs),
                                        .type = TypeRule(types),
                                        .fusion = Fusion::product,
                                        .layout = Layout::channels_last,
                                        .compute = [multiply](Compute& c) { compute(c, multiply); },
                                        .flops =
                                            [products](TypeContext& c) {
                                              Shape w = c.shape(1);
                                              Weights weights{w, c.attrs<ConvolutionAttributes>().channels_last};
                                              E each = weights.inputs() * element_count(weights.kernel());
                                              return element_count(types(c)[0]->shape) * each * (2 * products);
                                            },
                                        .examples = std::move(examples)});
}

} // namespace tw::ops

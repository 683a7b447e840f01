// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"
#include "ops/products.h"
#include "ops/sizes.h"
#include "ops/window.h"

namespace tw::ops {

namespace {
struct ConvolutionTranspose {
  List<int64_t> strides, dilations;
  List<Ref<Expr>> pads, output_padding;
  int64_t groups = 1;
  bool channels_last = false, phased = false;
  static constexpr auto fields =
      std::tuple{field("strides", &ConvolutionTranspose::strides), field("dilations", &ConvolutionTranspose::dilations),
                 field("pads", &ConvolutionTranspose::pads),       field("output_padding", &ConvolutionTranspose::output_padding),
                 field("groups", &ConvolutionTranspose::groups),   field("channels_last", &ConvolutionTranspose::channels_last),
                 field("phased", &ConvolutionTranspose::phased)};
};

// Weights: (I, O / groups, k…); for channels-last data (k…, I, O / groups), by phases (strides…, k / strides…, I, O / groups).
Shape kernel_of(const Shape& w, const ConvolutionTranspose& a) {
  if (!a.channels_last) return Shape(w.begin() + 2, w.end());
  if (!a.phased) return Shape(w.begin(), w.end() - 2);
  size_t spatial = (w.size() - 2) / 2;
  std::vector<Ref<Expr>> out;
  for (size_t d = 0; d < spatial; ++d) out.push_back(simplified(w[d] * w[spatial + d]));
  return Shape(std::move(out));
}
E inputs_of(const Shape& w, bool channels_last) { return channels_last ? w[w.size() - 2] : w[0]; }
E outputs_of(const Shape& w, bool channels_last) { return channels_last ? w.back() : w[1]; }

Shape places_of(const Window& window, const ConvolutionTranspose& a) {
  if (!a.output_padding.empty() && a.output_padding.size() != window.size())
    throw user_error("output_padding must have {} entries, found {}", window.size(), a.output_padding.size());
  std::vector<Ref<Expr>> out;
  for (size_t d = 0; d < window.size(); ++d) {
    const auto& axis = window[d];
    E size = (axis.input - 1) * axis.stride + axis.span() - axis.pad_begin - axis.pad_end;
    out.push_back(simplified(a.output_padding.empty() ? size : size + a.output_padding[d]));
  }
  return Shape(std::move(out));
}

void check_phases(TypeContext& c, const Window& window) {
  for (size_t d = 0; d < window.size(); ++d) {
    int64_t stride = window[d].stride, dilation = window[d].dilation;
    if (stride > 1 && dilation > 1)
      throw user_error("weights by phases need dilation 1 where the stride is {}, found {}", stride, dilation);
    c.same(c.shape(1)[d], imm(stride), "the phases of the weights and the strides");
  }
}

Types types(TypeContext& c) {
  auto a = c.attrs<ConvolutionTranspose>();
  int64_t rank = c.rank(0);
  if (rank < 3) throw user_error("x must have rank 3 or more (batch, channels, space), found {}", rank);
  if (a.phased && !a.channels_last) throw user_error("weights by phases are for channels-last data");
  if (int64_t wanted = a.phased ? 2 * rank - 2 : rank; c.rank(1) != wanted)
    throw user_error("weights must have rank {}, found {}", wanted, c.rank(1));
  if (c.element(1) != c.element(0))
    throw user_error("weights must have elements of {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(1)));
  if (a.groups < 1) throw user_error("groups must be at least 1, found {}", a.groups);
  DataLayout layout{a.channels_last, static_cast<size_t>(rank)};
  Shape x = c.shape(0), w = c.shape(1);
  E channels = c.same(x[layout.channel()], inputs_of(w, a.channels_last), "channels of x and input channels of the weights");
  if (auto n = as_int(channels); n && *n % a.groups != 0) throw user_error("{} input channels must divide into {} groups", *n, a.groups);
  Window window = make_window(layout.sizes(x), kernel_of(w, a), a.pads, a.strides, a.dilations);
  if (a.phased) check_phases(c, window);
  Shape places = places_of(window, a);
  for (const auto& p : places) c.assume(p >= imm(0), fmt::format("sizes of the result must not be negative, found {}", to_string(p)));
  E outputs = outputs_of(w, a.channels_last) * a.groups;
  if (c.has(2)) {
    if (c.rank(2) != 1) throw user_error("the bias must have rank 1, found {}", c.rank(2));
    c.same(c.shape(2)[0], outputs, "the bias and the output channels");
  }
  return {tensor_type(layout.shape(x[0], outputs, places), c.element(0))};
}

// x with zeros between its elements and around it: what remains is a plain convolution with turned weights.
Tensor spread(Compute& c, const Tensor& x, const DataLayout& layout, const Window& window, const Shape& places) {
  std::vector<Ref<Expr>> sizes;
  for (size_t d = 0; d < window.size(); ++d) sizes.push_back(simplified(places[d] + window[d].span() - 1));
  return c.tensor("spread", layout.shape(x.size(0), x.size(layout.channel()), Shape(sizes)), x.element(), [&](Indices i) {
    E valid = imm(1, boolean);
    for (size_t d = 0; d < window.size(); ++d) {
      E& p = i[layout.first() + d];
      E offset = p - simplified(window[d].span() - 1 - window[d].pad_begin);
      p = floordiv(offset, window[d].stride);
      if (window[d].stride > 1) valid = valid && eq(floormod(offset, window[d].stride), imm(0));
      valid = valid && inside(p, window[d].input);
    }
    return x.where(valid, i);
  });
}

// Results that lie a stride apart read neighbours of x through the same taps: one phase. Place o = stride * j + phase is the sum over taps
// m of x[j + first - m] times w[p, m], where phase + pad = stride * first + p: no product with the zeros of `spread`. All phases of a
// result are one nest, so that they share what they read.
struct Phases {
  Window window;
  Shape count, places; // of phases; of places of one phase
  std::vector<Ref<Expr>> front;
  Phases(const Window& w, const Shape& out) : window(w) {
    std::vector<Ref<Expr>> phases, each;
    for (size_t d = 0; d < w.size(); ++d) {
      phases.push_back(imm(w[d].stride));
      each.push_back(simplified(ceildiv(out[d], imm(w[d].stride))));
      // Zeros before x, or less than none where all taps begin inside.
      front.push_back(simplified(floordiv(w[d].span() - 1, w[d].stride) - floordiv(w[d].pad_begin, w[d].stride)));
    }
    count = Shape(std::move(phases)), places = Shape(std::move(each));
  }
  E first(size_t d, const E& phase) const { return floordiv(phase + window[d].pad_begin, window[d].stride); }
  E tap(size_t d, const E& phase) const { return floormod(phase + window[d].pad_begin, window[d].stride); }
  Shape taps() const {
    std::vector<Ref<Expr>> out;
    for (const auto& axis : window) out.push_back(simplified(floordiv(axis.kernel, axis.stride)));
    return Shape(std::move(out));
  }
};

// x with the zeros around it that taps of any phase read.
Tensor surrounded(Compute& c, const Tensor& x, const DataLayout& layout, const Phases& phases) {
  std::vector<Ref<Expr>> sizes;
  bool same = true;
  for (size_t d = 0; d < phases.window.size(); ++d) {
    const auto& axis = phases.window[d];
    sizes.push_back(simplified(phases.places[d] + phases.first(d, imm(axis.stride - 1)) + phases.front[d]));
    same = same && is_int(phases.front[d], 0) && surely_at_most(sizes.back(), axis.input);
  }
  if (same) return x;
  return c.tensor("padded", layout.shape(x.size(0), x.size(layout.channel()), Shape(sizes)), x.element(), [&](Indices i) {
    E valid = imm(1, boolean);
    for (size_t d = 0; d < sizes.size(); ++d) {
      E& p = i[layout.first() + d];
      p = p - phases.front[d];
      valid = valid && inside(p, phases.window[d].input);
    }
    return x.where(valid, i);
  });
}

void compute_phases(Compute& c, const ConvolutionTranspose& a, const Window& window) {
  Tensor x = c.input(0), w = c.input(1), out = c.output(0);
  DataLayout layout{true, x.rank()};
  Phases phases(window, layout.sizes(out.shape()));
  Tensor source = surrounded(c, x, layout, phases);
  size_t spatial = window.size();
  E per_group = simplified(floordiv(x.size(layout.channel()), a.groups)), outputs = w.shape().back();
  std::vector<Ref<Expr>> shape = phases.count.vector(), extents = phases.taps().vector();
  for (const auto& size : layout.shape(x.size(0), out.size(layout.channel()), phases.places)) shape.push_back(size);
  extents.push_back(per_group);
  Tensor product =
      c.reduce("product", Shape(shape), computation_type(x.element()), Combine::add, Shape(extents), [&](Indices i, Indices r) {
        E o = i.back(), within = a.groups == 1 ? o : floormod(o, outputs);
        E from = a.groups == 1 ? r.back() : floordiv(o, outputs) * per_group + r.back();
        Indices place, at;
        for (size_t d = 0; d < spatial; ++d) {
          place.push_back(i[spatial + 1 + d] + phases.first(d, i[d]) + phases.front[d] - r[d] * window[d].dilation);
          at.push_back(phases.tap(d, i[d]));
        }
        at.insert(at.end(), r.begin(), r.end() - 1);
        at.insert(at.end(), {from, within});
        return widen(source(layout.index(i[spatial], from, place))) * widen(w(at));
      });
  c.output(0, [&](Indices i) {
    Indices at, place;
    for (size_t d = 0; d < spatial; ++d) {
      at.push_back(simplified(floormod(i[1 + d], window[d].stride)));
      place.push_back(simplified(floordiv(i[1 + d], window[d].stride)));
    }
    Indices rest = layout.index(i[0], i.back(), place);
    at.insert(at.end(), rest.begin(), rest.end());
    E value = product(at);
    if (c.has(2)) value = value + widen(c.input(2)({i.back()}));
    return cast(x.element(), value);
  });
}

void compute(Compute& c) {
  auto a = c.attrs<ConvolutionTranspose>();
  Tensor x = c.input(0), w = c.input(1), out = c.output(0);
  DataLayout layout{a.channels_last, x.rank()};
  Window window = make_window(layout.sizes(x.shape()), kernel_of(w.shape(), a), a.pads, a.strides, a.dilations);
  if (a.phased) return compute_phases(c, a, window);
  Tensor source = spread(c, x, layout, window, layout.sizes(out.shape()));
  E per_group = simplified(floordiv(x.size(layout.channel()), a.groups)), outputs = outputs_of(w.shape(), a.channels_last);
  std::vector<Ref<Expr>> extents = kernel_sizes(window).vector();
  extents.insert(a.channels_last ? extents.end() : extents.begin(), per_group);
  auto fold = [&](const Indices& i, const Indices& r) {
    E channel = a.channels_last ? r.back() : r.front();
    Indices taps = a.channels_last ? Indices(r.begin(), r.end() - 1) : Indices(r.begin() + 1, r.end());
    E o = i[layout.channel()], within = a.groups == 1 ? o : floormod(o, outputs);
    E from = a.groups == 1 ? channel : floordiv(o, outputs) * per_group + channel;
    Indices place, turned;
    for (size_t d = 0; d < window.size(); ++d) {
      place.push_back(i[layout.first() + d] + taps[d] * window[d].dilation);
      turned.push_back(window[d].kernel - 1 - taps[d]);
    }
    Indices at = turned;
    at.insert(a.channels_last ? at.end() : at.begin(), {from, within});
    return widen(source(layout.index(i[0], from, place))) * widen(w(at));
  };
  sum_with_bias(c, Shape(extents), fold, layout.channel());
}
} // namespace

extern const OpDef convolution_transpose = define<ConvolutionTranspose>(
    {.doc =
         "The transpose of a convolution: each input element adds its multiple of the weights. x: (N, C, space…), weights: (C, O / groups, "
         "kernel…); with channels_last x: (N, space…, C), weights: (kernel…, C, O / groups); phased: (strides…, kernel / strides…, C, "
         "O / groups), tap t at [t % stride, t // stride]. Size: (in - 1) * stride + span - pads + output_padding",
     .inputs = std::vector<std::string>{"x: number", "weights: number", "bias?: number"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .layout = Layout::channels_last,
     .compute = compute,
     .flops =
         [](TypeContext& c) {
           auto a = c.attrs<ConvolutionTranspose>();
           return element_count(c.shape(0)) * outputs_of(c.shape(1), a.channels_last) * element_count(kernel_of(c.shape(1), a)) * 2;
         },
     .examples = {"convolution_transpose([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], strides=[2]) == [[[1.0, 10.0, 102.0, 20.0, 200.0]]]",
                  "convolution_transpose([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], [0.5], strides=[2], pads=[1, 1], output_padding=[1]) == "
                  "[[[10.5, 102.5, 20.5, 200.5]]]",
                  "convolution_transpose([[[1, 2], [3, 4]]], [[[1, 1]], [[2, 0]]], groups=2) == [[[1, 3, 2], [6, 8, 0]]]",
                  "convolution_transpose([[[1.0], [2.0]]], [[[[1.0]], [[100.0]]], [[[10.0]], [[0.0]]]], strides=[2], channels_last=true, "
                  "phased=true) == [[[1.0], [10.0], [102.0], [20.0], [200.0], [0.0]]]"}});

} // namespace tw::ops

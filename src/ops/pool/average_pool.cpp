// SPDX-License-Identifier: Apache-2.0
#include "ops/window.h"

namespace tw::ops {

namespace {
struct AveragePool {
  List<Ref<Expr>> kernel;
  List<int64_t> strides, dilations;
  List<Ref<Expr>> pads;
  bool ceil_mode = false, channels_last = false;
  bool count_include_pad = false;
  static constexpr auto fields = std::tuple{field("kernel", &AveragePool::kernel),
                                            field("strides", &AveragePool::strides),
                                            field("dilations", &AveragePool::dilations),
                                            field("pads", &AveragePool::pads),
                                            field("ceil_mode", &AveragePool::ceil_mode),
                                            field("channels_last", &AveragePool::channels_last),
                                            field("count_include_pad", &AveragePool::count_include_pad)};
};
Window window_of(const AveragePool& a, const Shape& x) {
  return make_window(DataLayout{a.channels_last, x.size()}.sizes(x), a.kernel, a.pads, a.strides, a.dilations);
}
Shape result_of(TypeContext& c, const AveragePool& a) {
  if (c.rank(0) < 3) throw user_error("x must have rank 3 or more (batch, channels, space), found {}", c.rank(0));
  DataLayout layout{a.channels_last, static_cast<size_t>(c.rank(0))};
  Window window = window_of(a, c.shape(0));
  assume_fits(c, window);
  return layout.shape(c.shape(0)[0], c.shape(0)[layout.channel()], output_sizes(window, a.ceil_mode));
}

// How many taps of a window lie in lower <= place < upper, on one axis.
E taps_inside(const WindowAxis& axis, const E& out, const E& lower, const E& upper) {
  E begin = out * axis.stride - axis.pad_begin;
  E first = max(imm(0), ceildiv(lower - begin, imm(axis.dilation))), last = min(axis.kernel, ceildiv(upper - begin, imm(axis.dilation)));
  return max(last - first, imm(0));
}

// The number of elements that the mean is over: the window's, without padding (or without what ceil_mode adds beyond it).
E divisor(const AveragePool& a, const Window& window, const Indices& places) {
  bool whole = !a.ceil_mode && (a.count_include_pad || !has_padding(window));
  E count = imm(1);
  for (size_t d = 0; d < window.size(); ++d) {
    const auto& axis = window[d];
    if (whole) count = count * axis.kernel;
    else if (a.count_include_pad) count = count * taps_inside(axis, places[d], -axis.pad_begin, axis.input + axis.pad_end);
    else count = count * taps_inside(axis, places[d], imm(0), axis.input);
  }
  return count;
}

void compute(Compute& c) {
  auto a = c.attrs<AveragePool>();
  Tensor x = c.input(0), out = c.output(0);
  DataLayout layout{a.channels_last, x.rank()};
  Window window = window_of(a, x.shape());
  DType type = computation_type(x.element());
  Tensor source = padded(c, x, layout, window, layout.sizes(out.shape()), zero(x.element()));
  Tensor sum = c.reduce("sum", out.shape(), type, Combine::add, kernel_sizes(window), [&](Indices i, Indices r) {
    Indices place;
    for (size_t d = 0; d < window.size(); ++d) place.push_back(window[d].padded_place(i[layout.first() + d], r[d]));
    return widen(source(layout.index(i[0], i[layout.channel()], place)));
  });
  c.output(0, [&](Indices i) {
    E count = divisor(a, window,
                      Indices(i.begin() + static_cast<std::ptrdiff_t>(layout.first()),
                              i.begin() + static_cast<std::ptrdiff_t>(layout.first() + window.size())));
    return cast(x.element(), sum(i) * (literal(1, type) / cast(type, count))); // one division for all channels of a place, or none
  });
}
} // namespace

extern const OpDef average_pool = define<AveragePool>(
    {.doc = "The mean of each window: over the elements of x in it or, with count_include_pad, over the padding too",
     .inputs = std::vector<std::string>{"x: float"},
     .type = TypeRule([](TypeContext& c) { return Types{tensor_type(result_of(c, c.attrs<AveragePool>()), c.element(0))}; }),
     .fusion = Fusion::reduction,
     .layout = Layout::channels_last,
     .compute = compute,
     .flops =
         [](TypeContext& c) { return element_count(result_of(c, c.attrs<AveragePool>())) * element_count(c.attrs<AveragePool>().kernel); },
     .examples = {"average_pool([[[1.0, 3.0, 2.0]]], kernel=[2]) == [[[2.0, 2.5]]]",
                  "average_pool([[[1.0, 3.0]]], kernel=[2], pads=[1, 1]) == [[[1.0, 2.0, 3.0]]]",
                  "average_pool([[[1.0, 3.0]]], kernel=[2], pads=[1, 1], count_include_pad=true) == [[[0.5, 2.0, 1.5]]]",
                  "average_pool([[[1.0, 3.0, 2.0]]], kernel=[2], strides=[2], ceil_mode=true) == [[[2.0, 2.0]]]",
                  "average_pool([[[1.0, 3.0, 2.0]]], kernel=[2], strides=[2], ceil_mode=true, count_include_pad=true) == [[[2.0, 2.0]]]"}});

} // namespace tw::ops

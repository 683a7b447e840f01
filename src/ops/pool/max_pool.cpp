// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"
#include "ops/window.h"

namespace tw::ops {

namespace {
struct MaxPool {
  List<Ref<Expr>> kernel;
  List<int64_t> strides, dilations;
  List<Ref<Expr>> pads;
  bool ceil_mode = false, channels_last = false;
  bool indices = false, column_major = false;
  static constexpr auto fields = std::tuple{field("kernel", &MaxPool::kernel),       field("strides", &MaxPool::strides),
                                            field("dilations", &MaxPool::dilations), field("pads", &MaxPool::pads),
                                            field("ceil_mode", &MaxPool::ceil_mode), field("channels_last", &MaxPool::channels_last),
                                            field("indices", &MaxPool::indices),     field("column_major", &MaxPool::column_major)};
};
Window window_of(const MaxPool& a, const Shape& x) {
  return make_window(DataLayout{a.channels_last, x.size()}.sizes(x), a.kernel, a.pads, a.strides, a.dilations);
}
Shape result_of(TypeContext& c, const MaxPool& a) {
  if (c.rank(0) < 3) throw user_error("x must have rank 3 or more (batch, channels, space), found {}", c.rank(0));
  DataLayout layout{a.channels_last, static_cast<size_t>(c.rank(0))};
  Window window = window_of(a, c.shape(0));
  assume_fits(c, window);
  return layout.shape(c.shape(0)[0], c.shape(0)[layout.channel()], output_sizes(window, a.ceil_mode));
}

// Of the elements equal to the maximum, the number of the first in x.
void compute_indices(Compute& c, const MaxPool& a, const DataLayout& layout, const Window& window, const Tensor& x) {
  Tensor best = c.output(0);
  auto fold = [&](const Indices& i, const Indices& r) {
    Indices place;
    E valid = imm(1, boolean);
    for (size_t d = 0; d < window.size(); ++d) {
      place.push_back(window[d].padded_place(i[layout.first() + d], r[d]) - window[d].pad_begin);
      valid = valid && inside(place[d], window[d].input);
    }
    Indices at = layout.index(i[0], i[layout.channel()], place);
    E value = x.where(valid, at), found = eq(value, best(i));
    if (value->dtype.is_float()) found = found || call("isnan", {value});
    E number = flatten(at, x.shape());
    if (a.column_major) {
      // Within each channel, the first spatial dimension runs fastest.
      number = i[0] * x.size(layout.channel()) + i[layout.channel()];
      for (size_t d = window.size(); d-- > 0;) number = number * window[d].input + place[d];
    }
    return select(valid && found, number, highest(i64));
  };
  c.reduce_output(1, Combine::min, kernel_sizes(window), fold);
}

void compute(Compute& c) {
  auto a = c.attrs<MaxPool>();
  Tensor x = c.input(0);
  DataLayout layout{a.channels_last, x.rank()};
  Window window = window_of(a, x.shape());
  Tensor source = padded(c, x, layout, window, layout.sizes(c.output(0).shape()), lowest(x.element()));
  c.reduce_output(0, Combine::max, kernel_sizes(window), [&](Indices i, Indices r) {
    Indices place;
    for (size_t d = 0; d < window.size(); ++d) place.push_back(window[d].padded_place(i[layout.first() + d], r[d]));
    return source(layout.index(i[0], i[layout.channel()], place));
  });
  if (a.indices) compute_indices(c, a, layout, window, x);
}
} // namespace

extern const OpDef max_pool = define<MaxPool>(
    {.doc =
         "The largest element in each window; padding never wins. indices: also the number of that element in x, row-major (column_major: "
         "within the spatial dimensions the first runs fastest)",
     .inputs = std::vector<std::string>{"x: number"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<MaxPool>();
       Shape shape = result_of(c, a);
       Types out{tensor_type(shape, c.element(0))};
       if (a.indices) out.push_back(tensor_type(shape, i64));
       return out;
     }),
     .fusion = Fusion::reduction,
     .layout = Layout::channels_last,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(result_of(c, c.attrs<MaxPool>())) * element_count(c.attrs<MaxPool>().kernel); },
     .examples = {"max_pool([[[1.0, 3.0, 2.0, 5.0]]], kernel=[2]) == [[[3.0, 3.0, 5.0]]]",
                  "max_pool([[[1.0, 3.0, 2.0, 5.0, 4.0]]], kernel=[2], strides=[2], ceil_mode=true) == [[[3.0, 5.0, 4.0]]]",
                  "max_pool([[[-1.0, -3.0]]], kernel=[3], pads=[1, 1]) == [[[-1.0, -1.0]]]",
                  "max_pool([[[[1, 2], [3, 4]], [[5, 6], [8, 7]]]], kernel=[2, 2], indices=true) == ([[[[4]], [[8]]]], [[[[3]], [[6]]]])",
                  "max_pool([[[1, 9], [2, 8], [3, 7]]], kernel=[2], channels_last=true) == [[[2, 9], [3, 8]]]"},
     .outputs = -1});

} // namespace tw::ops

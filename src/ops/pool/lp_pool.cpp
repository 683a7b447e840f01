// SPDX-License-Identifier: Apache-2.0
#include "ops/window.h"

namespace tw::ops {

namespace {
struct LpPool {
  List<Ref<Expr>> kernel;
  List<int64_t> strides, dilations;
  List<Ref<Expr>> pads;
  bool ceil_mode = false, channels_last = false;
  int64_t p = 2;
  static constexpr auto fields = std::tuple{field("kernel", &LpPool::kernel),
                                            field("strides", &LpPool::strides),
                                            field("dilations", &LpPool::dilations),
                                            field("pads", &LpPool::pads),
                                            field("ceil_mode", &LpPool::ceil_mode),
                                            field("channels_last", &LpPool::channels_last),
                                            field("p", &LpPool::p)};
};
Window window_of(const LpPool& a, const Shape& x) {
  return make_window(DataLayout{a.channels_last, x.size()}.sizes(x), a.kernel, a.pads, a.strides, a.dilations);
}
Shape result_of(TypeContext& c, const LpPool& a) {
  if (c.rank(0) < 3) throw user_error("x must have rank 3 or more (batch, channels, space), found {}", c.rank(0));
  DataLayout layout{a.channels_last, static_cast<size_t>(c.rank(0))};
  Window window = window_of(a, c.shape(0));
  assume_fits(c, window);
  return layout.shape(c.shape(0)[0], c.shape(0)[layout.channel()], output_sizes(window, a.ceil_mode));
}

void compute(Compute& c) {
  auto a = c.attrs<LpPool>();
  Tensor x = c.input(0), out = c.output(0);
  DataLayout layout{a.channels_last, x.rank()};
  Window window = window_of(a, x.shape());
  DType type = computation_type(x.element());
  Tensor source = padded(c, x, layout, window, layout.sizes(out.shape()), zero(x.element()));
  E p = literal(static_cast<double>(a.p), type);
  Tensor sum = c.reduce("sum", out.shape(), type, Combine::add, kernel_sizes(window), [&](Indices i, Indices r) {
    Indices place;
    for (size_t d = 0; d < window.size(); ++d) place.push_back(window[d].padded_place(i[layout.first() + d], r[d]));
    E value = call("abs", {widen(source(layout.index(i[0], i[layout.channel()], place)))});
    return a.p == 1 ? value : a.p == 2 ? value * value : call("pow", {value, p});
  });
  c.output(0, [&](Indices i) {
    E root = a.p == 1 ? sum(i) : a.p == 2 ? call("sqrt", {sum(i)}) : call("pow", {sum(i), like(p, 1) / p});
    return cast(x.element(), root);
  });
}
} // namespace

extern const OpDef lp_pool = define<LpPool>(
    {.doc = "The p-norm of each window: the p-th root of the sum of |x| to the power of p",
     .inputs = std::vector<std::string>{"x: float"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<LpPool>();
       if (a.p < 1) throw user_error("p must be at least 1, found {}", a.p);
       return Types{tensor_type(result_of(c, a), c.element(0))};
     }),
     .fusion = Fusion::reduction,
     .layout = Layout::channels_last,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(result_of(c, c.attrs<LpPool>())) * element_count(c.attrs<LpPool>().kernel) * 2; },
     .examples = {"lp_pool([[[3.0, -4.0, 0.0]]], kernel=[2]) == [[[5.0, 4.0]]]",
                  "lp_pool([[[3.0, -4.0, 0.0]]], kernel=[2], p=1) == [[[7.0, 4.0]]]"}});

} // namespace tw::ops

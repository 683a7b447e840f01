// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"
#include "ops/loops.h"

#include <cmath>

namespace tw::ops {

namespace {
struct LocalResponseNorm {
  int64_t size = 5, axis = 1;
  double alpha = 1e-4, beta = 0.75, bias = 1;
  static constexpr auto fields = std::tuple{field("size", &LocalResponseNorm::size), field("axis", &LocalResponseNorm::axis),
                                            field("alpha", &LocalResponseNorm::alpha), field("beta", &LocalResponseNorm::beta),
                                            field("bias", &LocalResponseNorm::bias)};
};

// base ^ -exponent. Quarters, which is what models use, are products of roots; those of a base below 0 are NaN, as its power is.
E inverse_power(const E& base, double exponent) {
  constexpr double most_quarters = 8;
  if (exponent * 4 != std::trunc(exponent * 4) || exponent <= 0 || exponent * 4 > most_quarters)
    return call("pow", {base, like(base, -exponent)});
  int quarters = static_cast<int>(exponent * 4);
  if (quarters == 4) return like(base, 1) / base;
  if (quarters == 8) return like(base, 1) / (base * base);
  E root = call("rsqrt", {base}), product = quarters % 2 ? call("sqrt", {root}) : root;
  for (int i = quarters % 2 ? 1 : 2; i < quarters; i += 2) product = product * root;
  return product;
}

void compute(Compute& c) {
  auto a = c.attrs<LocalResponseNorm>();
  Tensor x = c.input(0);
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
  DType type = computation_type(x.element());
  std::vector<Ref<Expr>> wider = x.shape().vector();
  wider[axis] = wider[axis] + (a.size - 1);
  int64_t before = (a.size - 1) / 2;
  Tensor squares = c.tensor("squares", Shape(wider), type, [&](Indices i) {
    i[axis] = i[axis] - before;
    E value = widen(x.where(inside(i[axis], x.size(axis)), i));
    return value * value;
  });
  Tensor sum = c.reduce("sum", x.shape(), type, Combine::add, shape_of({a.size}), [&](Indices i, Indices r) {
    i[axis] = i[axis] + r[0];
    return squares(i);
  });
  c.output(0, [&](Indices i) {
    E base = like(sum(i), a.bias) + sum(i) * like(sum(i), a.alpha / static_cast<double>(a.size));
    return cast(x.element(), widen(x(i)) * inverse_power(base, a.beta));
  });
}
} // namespace

extern const OpDef local_response_norm = define<LocalResponseNorm>(
    {.doc = "x / (bias + alpha / size * sum of squares of the size neighbours along axis) ** beta",
     .inputs = std::vector<std::string>{"x: float"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<LocalResponseNorm>();
       TypeContext::normalise_axis(a.axis, c.rank(0));
       if (a.size < 1) throw user_error("size must be at least 1, found {}", a.size);
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::reduction,
     .layout = Layout::axis,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * (c.attrs<LocalResponseNorm>().size + 20); },
     .examples = {
         "local_response_norm([[[1.0], [2.0], [3.0]]], size=3, alpha=3.0, beta=1.0) == [[[0.16666667], [0.13333333], [0.21428571]]]",
         "local_response_norm([[[4.0]]], size=1, alpha=1.0, beta=0.75, bias=0.0) == [[[0.5]]]",
         "local_response_norm([[[4.0]]], size=1, alpha=1.0, beta=0.6, bias=0.0) == [[[0.75785828]]]",
         "local_response_norm([[[2.0]]], size=1, alpha=-1.0, beta=1.0, bias=0.0) == [[[-0.5]]]",
         "local_response_norm([[[2.0]]], size=1, alpha=-1.0, beta=2.0, bias=0.0) == [[[0.125]]]",
         "local_response_norm([[[2.0]]], size=1, alpha=-1.0, beta=3.0, bias=0.0) == [[[-0.03125]]]"}});

} // namespace tw::ops

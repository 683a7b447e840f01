// SPDX-License-Identifier: Apache-2.0
#include "ops/example.h"
#include "ops/reference.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tw::testing {
namespace {

struct Case {
  std::vector<int64_t> x, kernel, strides, dilations, pads; // x without batch and channels
  int64_t inputs, outputs, groups;
};
const Case cases[] = {
    {{7}, {3}, {1}, {1}, {0, 0}, 2, 3, 1},
    {{9}, {3}, {2}, {2}, {1, 3}, 4, 6, 2},
    {{6, 5}, {3, 2}, {1, 2}, {1, 1}, {1, 0, 2, 1}, 3, 4, 1},
    {{6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 4, 4, 4},
    {{5, 5}, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}, 3, 2, 1},
    {{4, 3, 5}, {2, 2, 3}, {1, 1, 2}, {1, 2, 1}, {0, 1, 1, 1, 0, 0}, 2, 2, 2},
};

Ref<Attr> ints(const char* name, const std::vector<int64_t>& v) { return make(Attr{.name = name, .value = List<int64_t>(v)}); }
Ref<Attr> sizes(const char* name, const std::vector<int64_t>& v) {
  return make(Attr{.name = name, .value = tw::shape_of(std::span<const int64_t>(v))});
}
Ref<Attr> number(const char* name, int64_t v) { return make(Attr{.name = name, .value = v}); }
Ref<Attr> flag(const char* name, bool v) { return make(Attr{.name = name, .value = v}); }

int64_t out_size(const Case& c, size_t d) {
  size_t rank = c.x.size();
  return (c.x[d] + c.pads[d] + c.pads[rank + d] - (c.kernel[d] - 1) * c.dilations[d] - 1) / c.strides[d] + 1;
}
std::vector<int64_t> with(std::vector<int64_t> lead, const std::vector<int64_t>& rest) {
  lead.insert(lead.end(), rest.begin(), rest.end());
  return lead;
}
std::vector<int64_t> places(const Case& c) {
  std::vector<int64_t> out;
  for (size_t d = 0; d < c.x.size(); ++d) out.push_back(out_size(c, d));
  return out;
}
// Index of x under a tap.
std::vector<int64_t> under(const Case& c, const std::vector<int64_t>& lead, const std::vector<int64_t>& out,
                           const std::vector<int64_t>& tap) {
  std::vector<int64_t> i = lead;
  for (size_t d = 0; d < tap.size(); ++d) i.push_back(out[2 + d] * c.strides[d] + tap[d] * c.dilations[d] - c.pads[d]);
  return i;
}

Array convolved(const Case& c, const Array& x, const Array& w, const Array& bias) {
  return tabulate(x.dtype, with({x.shape[0], c.outputs}, places(c)), [&](const std::vector<int64_t>& o) {
    double sum = bias.number(o[1]);
    int64_t group = o[1] / (c.outputs / c.groups), per_group = c.inputs / c.groups;
    for (int64_t i = 0; i < per_group; ++i)
      for_each(c.kernel, [&](const std::vector<int64_t>& tap) {
        sum += at(x, under(c, {o[0], group * per_group + i}, o, tap)) * at(w, with({o[1], i}, tap));
      });
    return sum;
  });
}

std::vector<size_t> last(size_t rank) {
  std::vector<size_t> order{0};
  for (size_t d = 2; d < rank; ++d) order.push_back(d);
  order.push_back(1);
  return order;
}
} // namespace

// Convolution over one to three dimensions, with strides, dilations, uneven padding, groups, bias, equals the sum written as loops; and
// channels-last data gives the same numbers in the other layout.
TEST(Window, ConvolutionIsTheSumOfTaps) {
  for (const Case& c : cases) {
    Array x = noise(f32, with({2, c.inputs}, c.x), 1), w = noise(f32, with({c.outputs, c.inputs / c.groups}, c.kernel), 2),
          b = noise(f32, {c.outputs}, 3);
    std::vector<Ref<Attr>> attrs{ints("dilations", c.dilations), number("groups", c.groups), sizes("pads", c.pads),
                                 ints("strides", c.strides)};
    Array expected = convolved(c, x, w, b);
    EXPECT_EQ(difference(run("convolution", {x, w, b}, attrs)[0], expected), "");
    size_t rank = x.shape.size();
    std::vector<size_t> weights_order;
    for (size_t d = 2; d < rank; ++d) weights_order.push_back(d);
    weights_order.insert(weights_order.end(), {1, 0});
    attrs.push_back(flag("channels_last", true));
    Array found = run("convolution", {permuted(x, last(rank)), permuted(w, weights_order), b}, attrs)[0];
    EXPECT_EQ(difference(found, permuted(expected, last(rank))), "");
  }
}

// The transpose of a convolution is its transpose: <conv(x, w), y> == <x, conv_transpose(y, w)> for every x and y that fit.
TEST(Window, ConvolutionTransposeIsTheAdjoint) {
  for (const Case& c : cases) {
    Array x = noise(f64, with({1, c.inputs}, c.x), 4), w = noise(f64, with({c.outputs, c.inputs / c.groups}, c.kernel), 5);
    Array zero = tabulate(f64, {c.outputs}, [](const auto&) { return 0.0; });
    Array y = noise(f64, with({1, c.outputs}, places(c)), 6), forward = convolved(c, x, w, zero);
    std::vector<int64_t> extra; // what the strides of the convolution left over
    for (size_t d = 0; d < c.x.size(); ++d)
      extra.push_back(c.x[d] -
                      ((out_size(c, d) - 1) * c.strides[d] + (c.kernel[d] - 1) * c.dilations[d] + 1 - c.pads[d] - c.pads[c.x.size() + d]));
    std::vector<Ref<Attr>> attrs{ints("dilations", c.dilations), number("groups", c.groups), sizes("output_padding", extra),
                                 sizes("pads", c.pads), ints("strides", c.strides)};
    Array back = run("convolution_transpose", {y, w}, attrs)[0];
    ASSERT_EQ(back.shape, x.shape);
    double left = 0, right = 0;
    for (int64_t i = 0; i < y.count(); ++i) left += forward.number(i) * y.number(i);
    for (int64_t i = 0; i < x.count(); ++i) right += back.number(i) * x.number(i);
    EXPECT_NEAR(left, right, 1e-10);
  }
}

// Pools over windows that reach into the padding: the maximum never takes padding, the mean counts what it is told to count.
TEST(Window, PoolsCountWhatLiesInside) {
  for (const Case& c : cases) {
    if (c.kernel[0] == 1) continue;
    Array x = noise(f32, with({2, c.inputs}, c.x), 7);
    std::vector<Ref<Attr>> attrs{ints("dilations", c.dilations), sizes("kernel", c.kernel), sizes("pads", c.pads),
                                 ints("strides", c.strides)};
    for (bool include : {false, true}) {
      auto reduce = [&](bool maximum) {
        return tabulate(f32, with({2, c.inputs}, places(c)), [&](const std::vector<int64_t>& o) {
          double best = -INFINITY, sum = 0;
          int64_t count = 0;
          for_each(c.kernel, [&](const std::vector<int64_t>& tap) {
            auto i = under(c, {o[0], o[1]}, o, tap);
            bool inside = true;
            for (size_t d = 0; d < tap.size(); ++d) inside = inside && i[2 + d] >= 0 && i[2 + d] < c.x[d];
            count += inside || include;
            sum += at(x, i);
            if (inside) best = std::max(best, at(x, i));
          });
          return maximum ? best : sum / static_cast<double>(count);
        });
      };
      if (!include) { EXPECT_EQ(difference(run("max_pool", {x}, attrs)[0], reduce(true)), ""); }
      auto average = attrs;
      average.push_back(flag("count_include_pad", include));
      Array expected = reduce(false), found = run("average_pool", {x}, average)[0];
      EXPECT_EQ(difference(found, expected), "");
    }
  }
}

// The indices of max_pool point at the maxima.
TEST(Window, MaxPoolIndicesPointAtMaxima) {
  Array x = noise(f32, {2, 3, 6, 5}, 8);
  auto found = run("max_pool", {x}, {flag("indices", true), sizes("kernel", {3, 2}), sizes("pads", {1, 1, 0, 0}), ints("strides", {2, 1})});
  ASSERT_EQ(found.size(), 2u);
  for (int64_t i = 0; i < found[0].count(); ++i) EXPECT_EQ(x.number(found[1].integer(i)), found[0].number(i));
}

} // namespace tw::testing

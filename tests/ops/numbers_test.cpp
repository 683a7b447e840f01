// SPDX-License-Identifier: Apache-2.0
#include "ops/example.h"
#include "ops/reference.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tw::testing {
namespace {
Ref<Attr> attr(const char* name, Attr::Value v) { return make(Attr{.name = name, .value = std::move(v)}); }
} // namespace

// Batched products: leading dimensions broadcast, each matrix may be stored transposed, narrow floats are summed in f32.
TEST(Numbers, MatmulBroadcastsBatches) {
  for (DType type : {f32, f64, f16, bf16, i32})
    for (bool ta : {false, true})
      for (bool tb : {false, true}) {
        double scale = type == i32 ? 100 : 1;
        auto data = [&](std::vector<int64_t> shape, uint64_t seed) {
          Array n = noise(f64, std::move(shape), seed);
          return tabulate(type, n.shape, [&](const auto& i) { return at(n, i) * scale; });
        };
        Array a = data(ta ? std::vector<int64_t>{3, 1, 5, 2} : std::vector<int64_t>{3, 1, 2, 5}, 1);
        Array b = data(tb ? std::vector<int64_t>{4, 3, 5} : std::vector<int64_t>{4, 5, 3}, 2);
        Array expected = tabulate(type, {3, 4, 2, 3}, [&](const std::vector<int64_t>& i) {
          double sum = 0;
          for (int64_t k = 0; k < 5; ++k)
            sum += (ta ? at(a, {i[0], 0, k, i[2]}) : at(a, {i[0], 0, i[2], k})) * (tb ? at(b, {i[1], i[3], k}) : at(b, {i[1], k, i[3]}));
          return sum;
        });
        Array found = run("matmul", {a, b}, {attr("transpose_a", ta), attr("transpose_b", tb)})[0];
        EXPECT_EQ(difference(found, expected, type == bf16 ? 1e-2 : type == f16 ? 1e-3 : 1e-5), "");
      }
}

// Softmax and layer norm of a row, from their formulas in double.
TEST(Numbers, SoftmaxAndLayerNorm) {
  Array x = noise(f32, {3, 4, 6}, 3), scale = noise(f32, {6}, 4), bias = noise(f32, {6}, 5);
  auto row = [&](const std::vector<int64_t>& i, auto f) {
    double sum = 0;
    for (int64_t k = 0; k < 6; ++k) sum += f(at(x, {i[0], i[1], k}));
    return sum;
  };
  Array softmax = tabulate(f32, x.shape, [&](const auto& i) { return std::exp(at(x, i)) / row(i, [](double v) { return std::exp(v); }); });
  EXPECT_EQ(difference(run("softmax", {x})[0], softmax), "");
  Array norm = tabulate(f32, x.shape, [&](const auto& i) {
    double mean = row(i, [](double v) { return v; }) / 6, variance = row(i, [&](double v) { return (v - mean) * (v - mean); }) / 6;
    return (at(x, i) - mean) / std::sqrt(variance + 1e-5) * scale.number(i[2]) + bias.number(i[2]);
  });
  EXPECT_EQ(difference(run("layer_norm", {x, scale, bias})[0], norm), "");
}

namespace {
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Sample {
  Array x, w, r, b, h;
  int64_t steps, batch, hidden, directions;
  double product(const Array& m, int64_t d, int64_t gate, const std::vector<double>& v) const {
    double sum = 0;
    for (size_t k = 0; k < v.size(); ++k) sum += at(m, {d, gate, static_cast<int64_t>(k)}) * v[k];
    return sum;
  }
};
// What a cell makes of (step's gates without recurrence…): fills y (steps, directions, batch, hidden).
using Update = std::function<void(const Sample&, int64_t d, const std::vector<double>& x, std::vector<double>& h, std::vector<double>& c)>;
Array recurrence(const Sample& s, const std::vector<int64_t>& lengths, const Update& update) {
  std::vector<double> y(static_cast<size_t>(s.steps * s.directions * s.batch * s.hidden), 0.0);
  for (int64_t d = 0; d < s.directions; ++d)
    for (int64_t n = 0; n < s.batch; ++n) {
      std::vector<double> h, c(static_cast<size_t>(s.hidden), 0.0);
      for (int64_t j = 0; j < s.hidden; ++j) h.push_back(at(s.h, {d, n, j}));
      int64_t length = lengths[static_cast<size_t>(n)];
      for (int64_t k = 0; k < length; ++k) {
        int64_t t = d == 1 ? length - 1 - k : k;
        std::vector<double> x;
        for (int64_t i = 0; i < s.x.shape[2]; ++i) x.push_back(at(s.x, {t, n, i}));
        update(s, d, x, h, c);
        for (int64_t j = 0; j < s.hidden; ++j)
          y[static_cast<size_t>(((t * s.directions + d) * s.batch + n) * s.hidden + j)] = h[static_cast<size_t>(j)];
      }
    }
  return Array::of(f32, {s.steps, s.directions, s.batch, s.hidden}, std::span<const double>(y));
}
Sample sample(int64_t gates) {
  return {noise(f32, {4, 2, 3}, 1),
          noise(f32, {2, gates * 5, 3}, 2),
          noise(f32, {2, gates * 5, 5}, 3),
          noise(f32, {2, 2 * gates * 5}, 4),
          noise(f32, {2, 2, 5}, 5),
          4,
          2,
          5,
          2};
}
void check(const char* op, const Sample& s, const Update& update, std::vector<Ref<Attr>> attrs) {
  attrs.insert(attrs.begin(), {attr("direction", Name("bidirectional")), attr("hidden_size", int64_t{5})});
  Array lengths = Array::of<int32_t>({2}, {4, 3});
  Array found = run(op, {s.x, s.w, s.r, s.b, lengths, s.h}, attrs)[0];
  EXPECT_EQ(difference(found, recurrence(s, {4, 3}, update)), "") << op;
}
} // namespace

// Both directions, bias, initial state and samples of different lengths: each recurrent cell equals its formulas step by step.
TEST(Numbers, RecurrentCellsFollowTheirFormulas) {
  auto gate = [](const Sample& s, int64_t d, int64_t g, int64_t gates, const std::vector<double>& x, const std::vector<double>& h) {
    return s.product(s.w, d, g, x) + s.product(s.r, d, g, h) + at(s.b, {d, g}) + at(s.b, {d, gates * 5 + g});
  };
  check("rnn", sample(1),
        [&](const Sample& s, int64_t d, const auto& x, auto& h, auto&) {
          auto old = h;
          for (int64_t j = 0; j < 5; ++j) h[static_cast<size_t>(j)] = std::tanh(gate(s, d, j, 1, x, old));
        },
        {});
  check("lstm", sample(4),
        [&](const Sample& s, int64_t d, const auto& x, auto& h, auto& c) {
          auto old = h;
          for (int64_t j = 0; j < 5; ++j) {
            auto g = [&](int64_t k) { return gate(s, d, k * 5 + j, 4, x, old); };
            double& cell = c[static_cast<size_t>(j)];
            cell = sigmoid(g(2)) * cell + sigmoid(g(0)) * std::tanh(g(3));
            h[static_cast<size_t>(j)] = sigmoid(g(1)) * std::tanh(cell);
          }
        },
        {});
  for (bool linear : {false, true})
    check("gru", sample(3),
          [&](const Sample& s, int64_t d, const auto& x, auto& h, auto&) {
            auto old = h;
            std::vector<double> reset, gated;
            for (int64_t j = 0; j < 5; ++j) {
              reset.push_back(sigmoid(gate(s, d, 5 + j, 3, x, old)));
              gated.push_back(reset.back() * old[static_cast<size_t>(j)]);
            }
            for (int64_t j = 0; j < 5; ++j) {
              double z = sigmoid(gate(s, d, j, 3, x, old)), w = s.product(s.w, d, 10 + j, x) + at(s.b, {d, 10 + j}),
                     rb = at(s.b, {d, 25 + j});
              double candidate = linear ? std::tanh(w + reset[static_cast<size_t>(j)] * (s.product(s.r, d, 10 + j, old) + rb))
                                        : std::tanh(w + s.product(s.r, d, 10 + j, gated) + rb);
              h[static_cast<size_t>(j)] = (1 - z) * candidate + z * old[static_cast<size_t>(j)];
            }
          },
          {attr("linear_before_reset", linear)});
}

// Peepholes, a coupled forget gate and clipping change an lstm as their formulas say.
TEST(Numbers, LstmOptions) {
  Array x = noise(f32, {3, 1, 2}, 1), w = noise(f32, {1, 8, 2}, 2), r = noise(f32, {1, 8, 2}, 3), p = noise(f32, {1, 6}, 4);
  std::vector<double> h(2, 0), c(2, 0);
  auto clip = [](double v) { return std::clamp(v, -0.5, 0.5); };
  for (int64_t t = 0; t < 3; ++t) {
    auto old = h;
    for (int64_t j = 0; j < 2; ++j) {
      auto g = [&](int64_t k) {
        double sum = 0;
        for (int64_t i = 0; i < 2; ++i)
          sum += at(w, {0, k * 2 + j, i}) * at(x, {t, 0, i}) + at(r, {0, k * 2 + j, i}) * old[static_cast<size_t>(i)];
        return sum;
      };
      double& cell = c[static_cast<size_t>(j)];
      double i = sigmoid(clip(g(0) + p.number(j) * cell));
      cell = (1 - i) * cell + i * std::tanh(clip(g(3)));
      h[static_cast<size_t>(j)] = sigmoid(clip(g(1) + p.number(2 + j) * cell)) * std::tanh(clip(cell));
    }
  }
  auto found = run("lstm", {x, w, r, {}, {}, {}, {}, p}, {attr("clip", 0.5), attr("hidden_size", int64_t{2}), attr("input_forget", true)});
  EXPECT_EQ(difference(found[1], Array::of(f32, {1, 1, 2}, std::span<const double>(h))), "");
  EXPECT_EQ(difference(found[2], Array::of(f32, {1, 1, 2}, std::span<const double>(c))), "");
}

// Linear resampling of an image, from the formula for half-pixel places; also shrinking, where places fall between.
TEST(Numbers, ResizeLinear) {
  Array x = noise(f32, {1, 2, 5, 4}, 6);
  for (auto [height, width] : {std::pair<int64_t, int64_t>{9, 6}, {3, 2}}) {
    Array expected = tabulate(f32, {1, 2, height, width}, [&, height = height, width = width](const std::vector<int64_t>& i) {
      double place[2] = {(static_cast<double>(i[2]) + 0.5) * 5 / static_cast<double>(height) - 0.5,
                         (static_cast<double>(i[3]) + 0.5) * 4 / static_cast<double>(width) - 0.5};
      double sum = 0;
      for (int64_t a = 0; a < 2; ++a)
        for (int64_t b = 0; b < 2; ++b) {
          double low[2] = {std::floor(place[0]), std::floor(place[1])};
          double weight = (a ? place[0] - low[0] : 1 - (place[0] - low[0])) * (b ? place[1] - low[1] : 1 - (place[1] - low[1]));
          auto row = std::clamp<int64_t>(static_cast<int64_t>(low[0]) + a, 0, 4),
               column = std::clamp<int64_t>(static_cast<int64_t>(low[1]) + b, 0, 3);
          sum += weight * at(x, {i[0], i[1], row, column});
        }
      return sum;
    });
    EXPECT_EQ(difference(run("resize", {x}, {attr("mode", Name("linear")), attr("sizes", shape_of({1, 2, height, width}))})[0], expected),
              "");
  }
}

} // namespace tw::testing

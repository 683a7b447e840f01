// SPDX-License-Identifier: Apache-2.0
// A ((G g) * (B d)) is the filter applied to m places, for every m.
#include "arith/winograd.h"

#include <gtest/gtest.h>

#include <random>

namespace tw::arith {
namespace {

std::vector<double> times(const Matrix& m, const std::vector<double>& x) {
  std::vector<double> out(m.size(), 0);
  for (size_t i = 0; i < m.size(); ++i)
    for (size_t k = 0; k < x.size(); ++k) out[i] += m[i][k] * x[k];
  return out;
}

TEST(WinogradMatrices, GiveTheFilter) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (int64_t m : {2, 4, 6}) {
    const auto& matrices = winograd_matrices(m);
    std::vector<double> data(static_cast<size_t>(m) + 2), taps(3);
    for (double& x : data) x = normal(random);
    for (double& x : taps) x = normal(random);
    std::vector<double> a = times(matrices.weights, taps), b = times(matrices.input, data), products;
    for (size_t i = 0; i < a.size(); ++i) products.push_back(a[i] * b[i]);
    std::vector<double> y = times(matrices.output, products);
    for (size_t i = 0; i < static_cast<size_t>(m); ++i)
      EXPECT_NEAR(y[i], data[i] * taps[0] + data[i + 1] * taps[1] + data[i + 2] * taps[2], 1e-12) << m;
  }
}

} // namespace
} // namespace tw::arith

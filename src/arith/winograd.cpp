// SPDX-License-Identifier: Apache-2.0
#include "arith/winograd.h"

#include "base/diagnostics.h"

#include <cmath>

namespace tw::arith {
namespace {

constexpr int64_t taps = 3;

// Coefficients of the product of (x - point) over all points but the skipped one, the constant first.
std::vector<double> polynomial(const std::vector<double>& points, size_t skipped, size_t length) {
  std::vector<double> out = {1};
  for (size_t i = 0; i < points.size(); ++i) {
    if (i == skipped) continue;
    std::vector<double> next(out.size() + 1, 0);
    for (size_t k = 0; k < out.size(); ++k) {
      next[k + 1] += out[k];
      next[k] -= points[i] * out[k];
    }
    out = std::move(next);
  }
  out.resize(length, 0);
  return out;
}

// All points are finite but the last, which is infinity.
WinogradMatrices from_points(const std::vector<double>& points, int64_t m) {
  size_t alpha = points.size() + 1;
  WinogradMatrices out;
  out.output.assign(static_cast<size_t>(m), std::vector<double>(alpha, 0));
  for (size_t i = 0; i < points.size(); ++i) {
    out.input.push_back(polynomial(points, i, alpha));
    double scale = 1;
    for (size_t k = 0; k < points.size(); ++k)
      if (k != i) scale *= points[i] - points[k];
    out.weights.push_back({});
    for (int64_t k = 0; k < taps; ++k) out.weights[i].push_back(std::pow(points[i], k) / scale);
    for (int64_t row = 0; row < m; ++row) out.output[static_cast<size_t>(row)][i] = std::pow(points[i], row);
  }
  out.input.push_back(polynomial(points, points.size(), alpha));
  out.weights.push_back({0, 0, 1});
  out.output.back()[alpha - 1] = 1;
  // Products of square roots that are whole numbers come out a rounding error beside them.
  for (Matrix* matrix : {&out.input, &out.output})
    for (auto& row : *matrix)
      for (double& x : row)
        if (std::abs(x - std::round(x * 4) / 4) < 1e-12) x = std::round(x * 4) / 4;
  return out;
}

} // namespace

const WinogradMatrices& winograd_matrices(int64_t m) {
  static const double half = std::sqrt(0.5), root = std::sqrt(2.0);
  static const WinogradMatrices two = from_points({0, 1, -1}, 2), four = from_points({0, half, -half, root, -root}, 4),
                                six = from_points({0, 1, -1, 0.5, -0.5, 2, -2}, 6);
  TW_CHECK(m == 2 || m == 4 || m == 6, "there are no Winograd matrices for {} outputs", m);
  return m == 2 ? two : m == 4 ? four : six;
}

} // namespace tw::arith

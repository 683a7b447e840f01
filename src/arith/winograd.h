// SPDX-License-Identifier: Apache-2.0
// Minimal filtering (Winograd, after Toom and Cook): m outputs of a filter with 3 taps from α = m + 2 products.
//
//   y = A ((G g) ⊙ (B d))        d: α inputs, g: 3 taps, y: m outputs; A: m × α, G: α × 3, B: α × α
//
// In two dimensions each matrix is applied from both sides. Source: S. Winograd, Arithmetic Complexity of Computations, 1980; the choice of
// points 0, ±√½, ±√2, ∞ for m = 4 keeps the error of float32 near that of the direct sum (docs/performance.md).
#pragma once

#include <cstdint>
#include <vector>

namespace tw::arith {

using Matrix = std::vector<std::vector<double>>;

struct WinogradMatrices {
  Matrix input, weights, output; // B, G, A
};
// m: 2, 4 or 6.
const WinogradMatrices& winograd_matrices(int64_t m);

} // namespace tw::arith

// SPDX-License-Identifier: Apache-2.0
#include "target/register_tile.h"

#include <algorithm>

namespace tw {
namespace {

// Cycles of one step of the reduction in a tile of that many rows and vectors. Broadcasts are loads; eight accumulators hide the latency.
double step_cycles(const Target& t, int64_t rows, int64_t vectors, bool shared) {
  double products = static_cast<double>(rows * vectors) / t.fma_ports;
  double loads = static_cast<double>(shared ? rows + vectors : rows * vectors + vectors) / t.load_ports;
  return std::max({products, loads, static_cast<double>(t.fma_latency) / (shared ? 1 : 4)});
}

constexpr double tile_overhead = 24; // cycles: entry, first loads, stores

// All tiles over `total` rows in evened steps of at most `most`, for that many vectors.
double rows_cost(const Target& t, int64_t total, int64_t most, int64_t vectors, const TileProblem& p) {
  int64_t steps = (total + most - 1) / most, small = total / steps, larger = total % steps;
  auto one = [&](int64_t rows) {
    return rows ? step_cycles(t, rows, vectors, p.shared_columns) * static_cast<double>(p.depth) + tile_overhead : 0;
  };
  return static_cast<double>(larger) * one(small + 1) + static_cast<double>(steps - larger) * one(small);
}

bool fits(const Target& t, int64_t rows, int64_t vectors, bool shared) {
  if (!shared) return rows * vectors + vectors + 2 <= t.vector_registers / 2 + 4;
  // A single vector takes its broadcast from memory inside the multiply-add on AVX-512.
  int64_t spare = vectors + (vectors == 1 && t.vector_bytes == 64 ? 1 : 1);
  return rows * vectors + spare <= t.vector_registers;
}

} // namespace

TileChoice choose_tile(const Target& t, const TileProblem& p) {
  int64_t lanes = std::max(1, t.lanes(p.element_bytes));
  int64_t columns = p.columns ? p.columns : 4 * lanes;
  int64_t length = !p.has_rows ? 1 : p.row_length ? p.row_length : 60;
  TileChoice best;
  double best_cost = -1;
  int64_t most_rows = p.shared_columns ? t.l1_ways + 2 + (t.vector_bytes == 64 ? 0 : 0) : 8;
  for (int64_t vectors = 1; vectors <= 4; ++vectors) {
    if (vectors > 1 && (vectors - 1) * lanes >= columns) break;
    // Where all operands step with the columns more vectors gain nothing that a nest of its own for the rest would not lose.
    if (vectors > 1 && !p.shared_columns && columns % lanes == 0 && columns % (vectors * lanes) != 0) continue;
    for (int64_t rows = 1; rows <= std::min<int64_t>(length, most_rows); ++rows)
      for (int64_t lines = 1; lines <= (rows == length ? std::max<int64_t>(1, std::min(p.lines, most_rows / rows)) : 1); ++lines) {
        if (!fits(t, rows * lines, vectors, p.shared_columns)) continue;
        int64_t width = vectors * lanes, whole = columns / width, rest = columns % width;
        auto over_rows = [&](int64_t v) {
          if (lines > 1) return rows_cost(t, p.lines * rows, lines * rows, v, p);
          return static_cast<double>(p.lines) * rows_cost(t, length, rows, v, p);
        };
        double cost = static_cast<double>(whole) * over_rows(vectors);
        if (rest) cost += over_rows((rest + lanes - 1) / lanes);
        bool better = best_cost < 0 || cost < best_cost * 0.995 ||
                      (cost < best_cost * 1.005 && rows * lines * vectors > best.rows * best.lines * (best.columns / lanes));
        if (better) {
          best_cost = cost;
          best = {rows, lines, width};
        }
      }
  }
  return best;
}

int64_t panel_width(const Target& target, const TileProblem& problem) { return choose_tile(target, problem).columns; }

} // namespace tw

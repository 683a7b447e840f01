// SPDX-License-Identifier: Apache-2.0
#include "target/register_tile.h"

#include <algorithm>

namespace tw {
namespace {

// Cycles of one step of the reduction in a tile of that many rows and vectors. Broadcasts are loads; eight accumulators hide the latency.
double step_cycles(const Target& t, int64_t rows, int64_t vectors) {
  double products = static_cast<double>(rows * vectors) / t.fma_ports;
  double loads = static_cast<double>(rows + vectors) / t.load_ports;
  return std::max({products, loads, static_cast<double>(t.fma_latency)});
}

constexpr double tile_overhead = 24; // cycles: entry, first loads, stores

// All tiles over `total` rows in evened steps of at most `most`, for that many vectors.
double rows_cost(const Target& t, int64_t total, int64_t most, int64_t vectors, const TileProblem& p) {
  int64_t steps = (total + most - 1) / most, small = total / steps, larger = total % steps;
  auto one = [&](int64_t rows) { return rows ? step_cycles(t, rows, vectors) * static_cast<double>(p.depth) + tile_overhead : 0; };
  return static_cast<double>(larger) * one(small + 1) + static_cast<double>(steps - larger) * one(small);
}

// The larger of the evened steps over `total`, of at most `most`.
int64_t evened(int64_t total, int64_t most) {
  int64_t steps = (total + most - 1) / most;
  return (total + steps - 1) / steps;
}

bool fits(const Target& t, int64_t rows, int64_t vectors) { return rows * vectors + vectors + 1 <= t.vector_registers; }

// Rows a power of two apart fall into few sets of the first-level cache; a tile reads one line of each for as many steps as a line has
// elements, so they must stay, beside the lines of the other operand that pass through (docs/measurements/register-tiles.md).
int64_t rows_in_cache(const Target& t, int64_t row_step) {
  int64_t most = t.l1_ways + 2, span = t.l1_bytes / t.l1_ways; // bytes until the sets repeat
  if (row_step > 0 && row_step % span == 0) return std::max<int64_t>(6, t.l1_ways - 4);
  return most;
}

// The widest panel that divides the columns, even if its last vector is a half or a quarter.
int64_t even_panel(int64_t columns, int64_t lanes) {
  if (columns <= 4 * lanes) return columns;
  int64_t best = 0;
  double best_cost = 0;
  for (int64_t width = lanes / 2; width <= 4 * lanes; ++width) {
    if (columns % width || width % std::max<int64_t>(1, lanes / 4)) continue;
    int64_t rest = width % lanes, pieces = width / lanes + (rest & (lanes / 2) ? 1 : 0) + (rest & (lanes / 4) ? 1 : 0);
    double cost =
        static_cast<double>(pieces + 1) * static_cast<double>(columns / width); // one more: what each point of the reduction costs
    if (best == 0 || cost <= best_cost) best = width, best_cost = cost;
  }
  return best;
}

// Where all operands step with the columns, rows share what a window reads, and wider tiles share nothing: two vectors, and as many rows as
// registers hold. With few rows the vectors are what keeps the units busy; up to four that hold all columns read memory in one go.
TileChoice choose_columns_alike(const Target& t, const TileProblem& p, int64_t lanes, int64_t length) {
  bool all = p.columns <= 4 * lanes && p.columns % lanes == 0;
  int64_t width = p.columns && (p.whole_panels || length < 4 || all) ? even_panel(p.columns, lanes) : 0;
  if (!width) width = 2 * lanes;
  int64_t vectors = (width + lanes - 1) / lanes, rows = 1;
  while (rows < std::min<int64_t>(length, 8) && (rows + 2) * vectors + 2 <= t.vector_registers / 2 + 4) ++rows;
  return {rows, 1, width};
}

} // namespace

TileChoice choose_tile(const Target& t, const TileProblem& p) {
  int64_t lanes = std::max(1, t.lanes(p.element_bytes));
  int64_t columns = p.columns ? p.columns : 4 * lanes;
  int64_t length = !p.has_rows ? 1 : p.row_length ? p.row_length : 60;
  if (!p.shared_columns) return choose_columns_alike(t, p, lanes, length);
  TileChoice best;
  double best_cost = -1;
  int64_t most_together = 0;
  int64_t most_rows = rows_in_cache(t, p.row_step);
  for (int64_t vectors = 1; vectors <= 4; ++vectors) {
    if (vectors > 1 && (vectors - 1) * lanes >= columns) break;
    for (int64_t rows = 1; rows <= std::min<int64_t>(length, most_rows); ++rows)
      for (int64_t lines = 1; lines <= (rows == length ? std::max<int64_t>(1, std::min(p.lines, most_rows / rows)) : 1); ++lines) {
        if (!fits(t, rows * lines, vectors)) continue;
        int64_t width = vectors * lanes, whole = columns / width, rest = columns % width;
        auto over_rows = [&](int64_t v) {
          if (lines > 1) return rows_cost(t, p.lines * rows, lines * rows, v, p);
          return static_cast<double>(p.lines) * rows_cost(t, length, rows, v, p);
        };
        double cost = static_cast<double>(whole) * over_rows(vectors);
        if (rest) cost += over_rows((rest + lanes - 1) / lanes);
        // Of equals the one whose evened steps have more rows: they share what is read of the columns.
        int64_t together = evened(length, rows) * evened(lines > 1 ? p.lines : 1, lines);
        if (best_cost < 0 || cost < best_cost * 0.995 || (cost < best_cost * 1.005 && together > most_together)) {
          best_cost = cost;
          best = {rows, lines, width};
          most_together = together;
        }
      }
  }
  return best;
}

std::vector<int64_t> tile_heights(const Target& t, const TileChoice& choice, const TileProblem& p) {
  int64_t lanes = std::max(1, t.lanes(p.element_bytes)), vectors = (choice.columns + lanes - 1) / lanes;
  std::vector<int64_t> out = {choice.rows};
  int64_t busy = (t.fma_ports * t.fma_latency + vectors - 1) / vectors;
  if (p.shared_columns && busy < choice.rows) out.push_back(busy);
  bool each = p.shared_columns && !p.one_run;
  while (out.back() > 1) out.push_back(each && out.back() <= 4 ? out.back() - 1 : out.back() / 2);
  return out;
}

} // namespace tw

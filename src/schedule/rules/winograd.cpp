// SPDX-License-Identifier: Apache-2.0
// Convolutions by minimal filtering (ops/product/winograd_convolution.cpp). The kernel says what is computed: transformed inputs V,
// products M for each of the α² places of a tile, results Y and maps behind them. This rule writes how:
//
//   many tiles   for each strip of rows of tiles, shared between threads:      few tiles   P, then V, shared between threads
//                  P: the strip with its border                                            for each panel, shared between threads:
//                  V: a tile's inputs through B from both sides, in registers                M, Y
//                  for each panel of output channels:
//                    M: α² matrix products, register tiles
//                    Y: through A from both sides, the maps behind it, the only stores
//
// Everything of a strip stays in the second-level cache of one core; with few tiles the weights are what is large, and each is read once.
#include "arith/winograd.h"
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/rules/rules.h"
#include "schedule/rules/written.h"
#include "target/register_tile.h"
#include "target/shares.h"

#include <cmath>
#include <functional>

namespace tw::schedule {
namespace {

using Values = std::vector<Ref<Expr>>;

// Statements one after the other, and names for values in between.
class Lines {
public:
  Ref<Expr> let(const Ref<Expr>& value) {
    if (!as<Binary>(value) && !as<Load>(value)) return value;
    Ref<Var> name = var(fmt::format("t{}", steps_.size()), value->dtype);
    steps_.push_back([=](const Ref<Stmt>& rest) -> Ref<Stmt> { return make(Let{.value = value, .var = name, .body = rest}); });
    return name;
  }
  void then(const Ref<Stmt>& statement) {
    steps_.push_back([=](const Ref<Stmt>& rest) { return seq({statement, rest}); });
  }
  Ref<Stmt> finish() const {
    Ref<Stmt> out = seq({});
    for (size_t i = steps_.size(); i-- > 0;) out = steps_[i](out);
    return out;
  }

private:
  std::vector<std::function<Ref<Stmt>(const Ref<Stmt>&)>> steps_;
};

Ref<Expr> weighted(const Ref<Expr>& sum, double factor, const Ref<Expr>& x) {
  bool none = as<FloatImm>(sum) != nullptr;
  if (factor == 1) return none ? x : sum + x;
  if (factor == -1 && !none) return sum - x;
  Ref<Expr> term = x * literal(factor, x->dtype);
  return none ? term : sum + term;
}

// matrix · x. Rows that differ only in the signs of some columns (those of points ±p) share both parts: one is their sum, one their
// difference.
Values transformed(Lines& lines, const arith::Matrix& matrix, const Values& x) {
  Ref<Expr> none = zero(x[0]->dtype);
  Values out(matrix.size(), none);
  std::vector<bool> done(matrix.size(), false);
  for (size_t r = 0; r < matrix.size(); ++r) {
    if (done[r]) continue;
    auto equal = [](double a, double b) { return std::abs(a - b) < 1e-9; }; // products of roots round
    auto mirrored = [&](size_t other) {
      bool opposite = false, same = false;
      for (size_t k = 0; k < x.size(); ++k) {
        double a = matrix[r][k], b = matrix[other][k];
        if (a == 0 && b == 0) continue;
        if (equal(a, b)) same = true;
        else if (equal(a, -b)) opposite = true;
        else return false;
      }
      return same && opposite;
    };
    size_t pair = r + 1;
    while (pair < matrix.size() && (done[pair] || !mirrored(pair))) ++pair;
    bool paired = pair < matrix.size();
    Ref<Expr> even = none, odd = none;
    for (size_t k = 0; k < x.size(); ++k) {
      if (matrix[r][k] == 0) continue;
      auto& part = paired && !equal(matrix[r][k], matrix[pair][k]) ? odd : even;
      part = weighted(part, matrix[r][k], x[k]);
    }
    if (paired) {
      even = lines.let(even);
      odd = lines.let(odd);
      out[pair] = lines.let(even - odd);
      done[pair] = true;
    }
    out[r] = lines.let(paired ? even + odd : even);
  }
  return out;
}

// matrix · x · matrixᵀ for a square of values, row by row in `x`.
Values transformed_twice(Lines& lines, const arith::Matrix& matrix, const Values& x) {
  size_t n = matrix[0].size(), m = matrix.size();
  Values middle(m * n, x[0]), out(m * m, x[0]);
  for (size_t k = 0; k < n; ++k) {
    Values column;
    for (size_t i = 0; i < n; ++i) column.push_back(x[i * n + k]);
    column = transformed(lines, matrix, column);
    for (size_t i = 0; i < m; ++i) middle[i * n + k] = column[i];
  }
  for (size_t i = 0; i < m; ++i) {
    Values row =
        transformed(lines, matrix, Values(middle.begin() + static_cast<int64_t>(i * n), middle.begin() + static_cast<int64_t>(i * n + n)));
    std::copy(row.begin(), row.end(), out.begin() + static_cast<int64_t>(i * m));
  }
  return out;
}

class WinogradRule {
public:
  explicit WinogradRule(Schedule& s) : s_(s) {}

  bool run() {
    if (!read()) return false;
    matrices_ = &arith::winograd_matrices(m_);
    alpha_ = m_ + 2;
    int64_t lines = batch_ * down_;
    // As many rows of tiles as keep V in half of the second-level cache; at least four strips, so that threads divide them.
    int64_t line_bytes = alpha_ * alpha_ * across_ * channels_ * 4, fitting = std::max<int64_t>(1, s_.target().l2_bytes / 2 / line_bytes);
    // A strip streams all weights: with few tiles they must come from the second-level cache.
    const int64_t weight_bytes = alpha_ * alpha_ * channels_ * outputs_ * type_.bytes();
    const int64_t fewest_tiles = 4 * weight_bytes <= 3 * s_.target().l2_bytes ? 6 : 12;
    StripChoice best;
    for (int64_t rows = 1; rows <= std::min(fitting, lines / 4); ++rows)
      if (down_ % rows == 0 && rows * across_ >= fewest_tiles)
        if (StripChoice choice = strips_of(rows);
            !best.rows || choice.busiest < best.busiest || (choice.busiest == best.busiest && !choice.halved))
          best = choice;
    s_.set_body(best.rows ? in_strips(best) : in_panels());
    return true;
  }

private:
  // ---- what the kernel says
  bool read() {
    auto blocks = s_.blocks();
    size_t first = 0;
    while (first < blocks.size() && blocks[first]->hints.empty()) ++first;
    if (first + 2 >= blocks.size() || first > 1) return false;
    for (const auto& hint : blocks[first]->hints)
      if (hint->name == "winograd") m_ = *std::get_if<int64_t>(&hint->value);
    if (!m_) return false;
    if (first == 1) border_ = blocks[0];
    Ref<Block> input = blocks[first], products = blocks[first + 1], result = blocks[first + 2];
    epilogue_.assign(blocks.begin() + static_cast<int64_t>(first) + 3, blocks.end());
    source_ = loaded_buffers(input.node())[0];
    for (const auto& b : loaded_buffers(input.node()))
      if (b->shape.size() == 4 && !stores_to(input.node(), b.node())) source_ = b;
    for (const auto& b : loaded_buffers(products.node()))
      if (s_.is_parameter(*b)) weights_ = b;
    result_ = as<Store>(result->body)->buffer;
    auto of_image = [](const Buffer& b) { return static_shape(List<Ref<Expr>>(b.shape.begin() + 1, b.shape.end())); };
    auto out = of_image(*result_), in = of_image(*source_);
    if (!weights_ || !out || !in) return false;
    height_ = (*out)[0], width_ = (*out)[1], outputs_ = (*out)[2], channels_ = (*in)[2];
    if (auto known = as_int(result_->shape[0])) batch_ = *known;
    else groups_ = result_->shape[0];
    down_ = (height_ + m_ - 1) / m_, across_ = (width_ + m_ - 1) / m_;
    type_ = source_->element;
    return true;
  }

  // ---- strips
  struct StripChoice {
    int64_t rows = 0;    // of tiles, in a strip
    bool halved = false; // two threads compute one strip, each for half of the panels: those at the ends of the loop that threads share
    double busiest = 0;  // what the thread with most to do does, of an equal share
  };
  StripChoice strips_of(int64_t rows) const {
    StripChoice out{.rows = rows, .busiest = busiest(batch_ * down_ / rows, false)};
    const bool halves = is_int(groups_, 1) && outputs_ > tile_for(rows * across_).columns;
    if (double both = busiest(batch_ * down_ / rows, true); halves && both < out.busiest) out.halved = true, out.busiest = both;
    return out;
  }
  // Threads divide the strips, of which the last may be two halves, first and last of all.
  double busiest(int64_t strips, bool halved) const {
    const int64_t threads = expected_threads(s_.target()), units = strips + 1;
    if (!halved) return busiest_share(strips, threads);
    double most = 0;
    for (int64_t t = 0; t < threads; ++t) {
      const int64_t begin = units * t / threads, end = units * (t + 1) / threads;
      most = std::max(most, static_cast<double>(end - begin) - 0.5 * ((begin == 0) + (end == units)));
    }
    return most * static_cast<double>(threads) / static_cast<double>(strips);
  }

  // ---- loops
  // Over channels in vectors: body(first channel of the vector's lane).
  Ref<Stmt> channels(int64_t count, const At& body) const { return over_vectors(count, s_.target().lanes(type_.bytes()), body); }
  static Ref<Buffer> buffer(const char* name, std::vector<int64_t> sizes, DType type) {
    return make(Buffer{.id = name, .shape = shape_of(sizes), .element = type});
  }
  // V of one group: V[place, tile, c]; of all: V[group, place, tile, c].
  using Place = std::function<List<Ref<Expr>>(Ref<Expr> place, Ref<Expr> tile, Ref<Expr> channel)>;
  static List<Ref<Expr>> of_one(const Ref<Expr>& place, const Ref<Expr>& tile, const Ref<Expr>& channel) { return {place, tile, channel}; }
  static Place of_group(const Ref<Expr>& group) {
    return [=](const Ref<Expr>& place, const Ref<Expr>& tile, const Ref<Expr>& channel) {
      return List<Ref<Expr>>{group, place, tile, channel};
    };
  }

  // ---- parts. `line` counts rows of tiles over the whole batch.
  Ref<Expr> batch_of(const Ref<Expr>& line) const { return floordiv(line, down_); }
  Ref<Expr> row_of(const Ref<Expr>& line) const { return floormod(line, down_) * m_; }

  // One line of the source with its border, from the block that says what stands there.
  Ref<Stmt> border_line(const Ref<Expr>& batch, const Ref<Expr>& y,
                        const std::function<Ref<Stmt>(Ref<Expr> x, Ref<Expr> c, Ref<Expr> value)>& write) {
    const Ref<Block> block = as_ref<Block>(border_);
    return loop_over("x", across_ * m_ + 2, ForKind::serial, [&](const Ref<Expr>& x) {
      return channels(channels_, [&](const Ref<Expr>& c) {
        Ref<Expr> places[] = {batch, y, x, c};
        Substitution at;
        for (size_t d = 0; d < 4; ++d) at.emplace(block->iters[d]->var.node(), places[d]);
        return write(x, c, substitute(as<Store>(block->body)->value, at));
      });
    });
  }

  using Source = std::function<Ref<Expr>(Ref<Expr> y, Ref<Expr> x, Ref<Expr> c)>; // in rows of the tile

  // V for one tile.
  Ref<Stmt> input(const Ref<Buffer>& v, const Place& at, const Ref<Expr>& tile, const Ref<Expr>& column, const Source& source,
                  int64_t first, int64_t count) {
    return channels(count, [&](const Ref<Expr>& lane) {
      Ref<Expr> c = lane + first;
      Lines lines;
      Values x;
      for (int64_t i = 0; i < alpha_; ++i)
        for (int64_t j = 0; j < alpha_; ++j) x.push_back(lines.let(source(imm(i), column * m_ + j, c)));
      x = transformed_twice(lines, matrices_->input, x);
      for (size_t p = 0; p < x.size(); ++p) lines.then(store(v, at(imm(static_cast<int64_t>(p)), tile, c).vector(), x[p]));
      return lines.finish();
    });
  }

  // M[place, tile, o] = Σ_c V[place, tile, c] · U[place, c, first + o], for one panel.
  Ref<Stmt> products(const Ref<Buffer>& v, const Place& at, const Ref<Buffer>& to, int64_t tiles, const Ref<Expr>& first, int64_t width,
                     int64_t most) {
    return loop_over("p", alpha_ * alpha_, ForKind::serial, [&](const Ref<Expr>& p) {
      return over_even_steps("r0", tiles, most, [&](const Ref<Expr>& begin, int64_t rows) {
        Ref<Var> row = var("r1"), column = var("o"), k = var("k"), acc = var("acc", type_);
        Ref<Expr> tile = begin + row;
        Ref<Expr> u = load(as_ref<Buffer>(weights_), {floordiv(p, alpha_), floormod(p, alpha_), k, first + column});
        return Ref<Stmt>(make(RegisterTile{.rows = {tile_axis(row, rows)},
                                           .column = tile_axis(column, width),
                                           .reduce = {tile_axis(k, channels_)},
                                           .init = zero(type_),
                                           .value = load(v, at(p, tile, k).vector()) * u,
                                           .acc = acc,
                                           .body = store(to, {p, tile, column}, acc)}));
      });
    });
  }

  // The m × m results of one tile, through the maps behind them.
  Ref<Stmt> results(const Ref<Buffer>& products, const Ref<Expr>& tile, const Ref<Expr>& batch, const Ref<Expr>& y, const Ref<Expr>& x,
                    const Ref<Expr>& first, int64_t width) {
    return channels(width, [&](const Ref<Expr>& lane) {
      Lines lines;
      Values values;
      for (int64_t p = 0; p < alpha_ * alpha_; ++p) values.push_back(lines.let(load(products, {imm(p), tile, lane})));
      values = transformed_twice(lines, matrices_->output, values);
      for (int64_t i = 0; i < m_; ++i)
        for (int64_t j = 0; j < m_; ++j) {
          Ref<Stmt> write = epilogue({batch, y + i, x + j, first + lane}, values[static_cast<size_t>(i * m_ + j)]);
          Ref<Expr> inside = imm(1, boolean);
          if (height_ % m_) inside = inside && (y + i < imm(height_));
          if (width_ % m_) inside = inside && (x + j < imm(width_));
          lines.then(is_int(inside, 1) ? write : Ref<Stmt>(make(If{.cond = inside, .then = write})));
        }
      return lines.finish();
    });
  }

  Ref<Stmt> epilogue(const Values& place, const Ref<Expr>& value) const {
    std::unordered_map<const Node*, Ref<Expr>> known = {{result_.node(), value}};
    Lines lines;
    if (s_.is_parameter(*result_)) lines.then(store(result_, place, value));
    for (const auto& block : epilogue_) {
      const auto* write = as<Store>(block->body);
      Substitution at;
      for (size_t d = 0; d < block->iters.size(); ++d) at.emplace(block->iters[d]->var.node(), place[d]);
      Ref<Expr> here = rewrite(substitute(write->value, at), [&](const Load& load) -> Opt<Expr> {
        auto found = known.find(load.buffer.node());
        return found == known.end() ? Opt<Expr>() : Opt<Expr>(found->second);
      });
      here = lines.let(here);
      known.insert_or_assign(write->buffer.node(), here);
      if (s_.is_parameter(*write->buffer)) lines.then(store(write->buffer, place, here));
    }
    return lines.finish();
  }

  // ---- the two forms
  TileChoice tile_for(int64_t tiles) const {
    return choose_tile(s_.target(), {.columns = outputs_, .row_length = tiles, .depth = channels_, .element_bytes = type_.bytes()});
  }

  Ref<Stmt> panels(int64_t width, ForKind how, const AtWidth& body) { return over_panels(outputs_, width, how, body); }

  Ref<Stmt> in_strips(const StripChoice& strips) {
    const int64_t rows = strips.rows, tiles = rows * across_, count = batch_ * down_ / rows;
    TileChoice choice = tile_for(tiles);
    Ref<Buffer> p = buffer("strip", {rows * m_ + 2, across_ * m_ + 2, channels_}, type_),
                v = buffer("transformed", {alpha_ * alpha_, tiles, channels_}, type_),
                products_buffer = buffer("products", {alpha_ * alpha_, tiles, std::min(choice.columns, outputs_)}, type_);
    const Ref<Expr> units = groups_ * (count + (strips.halved ? 1 : 0));
    return loop_over("strip", units, ForKind::parallel, [&](const Ref<Expr>& unit) {
      Ref<Expr> strip = strips.halved ? floormod(unit + (count - 1), count) : unit; // the last one at both ends
      Ref<Expr> line = strip * rows, batch = batch_of(line), top = row_of(line);
      auto each_tile = [&](const std::function<Ref<Stmt>(Ref<Expr> row, Ref<Expr> column)>& body) {
        return loop_over("down", rows, ForKind::serial, [&](const Ref<Expr>& row) {
          return loop_over("across", across_, ForKind::serial, [&](const Ref<Expr>& column) { return body(row, column); });
        });
      };
      std::vector<Ref<Stmt>> parts;
      if (border_)
        parts.push_back(loop_over("y", rows * m_ + 2, ForKind::serial, [&](const Ref<Expr>& y) {
          return border_line(batch, top + y, [&](const Ref<Expr>& x, const Ref<Expr>& c, const Ref<Expr>& value) {
            return store(p, {y, x, c}, value);
          });
        }));
      parts.push_back(each_tile([&](const Ref<Expr>& row, const Ref<Expr>& column) {
        auto source = [&](const Ref<Expr>& y, const Ref<Expr>& x, const Ref<Expr>& c) {
          return border_ ? load(p, {row * m_ + y, x, c}) : load(source_, {batch, top + row * m_ + y, x, c});
        };
        return input(v, of_one, row * across_ + column, column, source, 0, channels_);
      }));
      AtWidth panel = [&](const Ref<Expr>& first, int64_t width) {
        Ref<Stmt> result = each_tile([&](const Ref<Expr>& row, const Ref<Expr>& column) {
          return results(products_buffer, row * across_ + column, batch, top + row * m_, column * m_, first, width);
        });
        return seq({products(v, of_one, products_buffer, tiles, first, width, choice.rows), result});
      };
      parts.push_back(strips.halved ? half_or_all(unit, count, choice.columns, panel) : panels(choice.columns, ForKind::serial, panel));
      Ref<Stmt> body = allocate(v, allocate(products_buffer, seq(std::move(parts))));
      return border_ ? allocate(p, body) : body;
    });
  }

  // Panels of a strip: of the first unit only the first half, of the last one only the second.
  Ref<Stmt> half_or_all(const Ref<Expr>& unit, int64_t last, int64_t width, const AtWidth& body) const {
    const int64_t whole = outputs_ / width, rest = outputs_ % width, half = (whole + 1) / 2;
    Ref<Expr> begin = select(eq(unit, imm(last)), imm(half), imm(0)), end = select(eq(unit, imm(0)), imm(half), imm(whole));
    std::vector<Ref<Stmt>> parts = {
        loop_over("panel", end - begin, ForKind::serial, [&](const Ref<Expr>& panel) { return body((begin + panel) * width, width); })};
    if (rest) parts.push_back(make(If{.cond = ne(unit, imm(0)), .then = body(imm(outputs_ - rest), rest)}));
    return seq(std::move(parts));
  }

  Ref<Stmt> in_panels() {
    int64_t lines = batch_ * down_, tiles = lines * across_;
    TileChoice choice = tile_for(tiles);
    // Panels are what threads share: at least four of them.
    int64_t lanes = s_.target().lanes(type_.bytes()), columns = choice.columns;
    while (columns > lanes && (outputs_ + columns - 1) / columns < 4) columns -= lanes;
    if (columns != choice.columns)
      choice = choose_tile(s_.target(), {.columns = columns, .row_length = tiles, .depth = channels_, .element_bytes = type_.bytes()});
    Ref<Buffer> v =
        make(Buffer{.id = "transformed", .shape = {groups_, imm(alpha_ * alpha_), imm(tiles), imm(channels_)}, .element = type_});
    std::vector<Ref<Stmt>> parts;
    int64_t high = down_ * m_ + 2;
    if (border_)
      parts.push_back(loop_over("line", groups_ * (batch_ * high), ForKind::parallel, [&](const Ref<Expr>& line) {
        Ref<Expr> batch = floordiv(line, high), y = floormod(line, high);
        return border_line(batch, y, [&](const Ref<Expr>& x, const Ref<Expr>& c, const Ref<Expr>& value) {
          return store(source_, {batch, y, x, c}, value);
        });
      }));
    bool one_group = is_int(groups_, 1);
    parts.push_back(loop_over("line", groups_ * lines, ForKind::parallel, [&](const Ref<Expr>& line) {
      Ref<Expr> group = one_group ? imm(0) : floordiv(line, lines), own = one_group ? line : floormod(line, lines);
      return loop_over("across", across_, ForKind::serial, [&](const Ref<Expr>& column) {
        auto source = [&](const Ref<Expr>& y, const Ref<Expr>& x, const Ref<Expr>& c) {
          return load(source_, {batch_of(line), row_of(line) + y, x, c});
        };
        return input(v, of_group(group), own * across_ + column, column, source, 0, channels_);
      });
    }));
    parts.push_back(panels(columns, ForKind::parallel, [&](const Ref<Expr>& first, int64_t width) {
      Ref<Buffer> products_buffer = buffer("products", {alpha_ * alpha_, tiles, width}, type_); // each loop's threads have their own
      return allocate(products_buffer, loop_over("group", groups_, ForKind::serial, [&](const Ref<Expr>& group) {
                        Ref<Stmt> result = loop_over("line", lines, ForKind::serial, [&](const Ref<Expr>& own) {
                          Ref<Expr> line = one_group ? own : group * lines + own;
                          return loop_over("across", across_, ForKind::serial, [&](const Ref<Expr>& column) {
                            return results(products_buffer, own * across_ + column, batch_of(line), row_of(line), column * m_, first,
                                           width);
                          });
                        });
                        return seq({products(v, of_group(group), products_buffer, tiles, first, width, choice.rows), result});
                      }));
    }));
    Ref<Stmt> body = allocate(v, seq(std::move(parts)));
    return border_ ? allocate(source_, body) : body;
  }

  Schedule& s_;
  const arith::WinogradMatrices* matrices_ = nullptr;
  Opt<Block> border_; // writes the source with its border, if the window leaves the data
  Ref<Buffer> source_ = buffer("source", {1}, f32), result_ = source_;
  Opt<Buffer> weights_;
  std::vector<Ref<Block>> epilogue_;
  // An unknown number of images is so many groups of one, else one group of all.
  Ref<Expr> groups_ = imm(1);
  int64_t m_ = 0, alpha_ = 0, batch_ = 1, height_ = 0, width_ = 0, outputs_ = 0, channels_ = 0, down_ = 0, across_ = 0;
  DType type_;
};

} // namespace

bool schedule_winograd(Schedule& s) { return WinogradRule(s).run(); }

} // namespace tw::schedule

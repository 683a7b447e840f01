// SPDX-License-Identifier: Apache-2.0
// Reductions whose last spatial axis is contiguous become register tiles: matrix products, every convolution, depthwise convolution, pooling,
// sums over outer axes. Loop order, from the outside: blocks of rows that stay in the second-level cache, panels of columns, tiles. Blocks and
// panels are one loop, shared between threads.
#include "ir/visit.h"
#include "schedule/rules/rules.h"
#include "target/register_tile.h"

namespace tw::schedule {
namespace {

// Merges the loops of the following map into the reduction's spatial loops, so that one nest holds both.
bool join_epilogue(Schedule& s, Name reduction, Name map, size_t spatial) {
  auto a = s.loops(reduction), b = s.loops(map);
  if (b.size() != spatial) return false;
  for (size_t i = 0; i < spatial; ++i)
    if (!arith::prove_equal(a[i]->extent, b[i]->extent)) return false;
  for (size_t i = 0; i < spatial; ++i) merge_loops(s, a[i]->var, b[i]->var);
  return true;
}

struct Shape4 {
  std::vector<Ref<For>> spatial, reduce;
};

Shape4 loops_by_kind(Schedule& s, const Block& block) {
  Shape4 out;
  for (const auto& f : s.loops(block.id)) {
    bool reduces = false;
    for (const auto& iter : block.iters) reduces = reduces || (iter->how == IterKind::reduce && uses(iter->value.node(), f->var.node()));
    (reduces ? out.reduce : out.spatial).push_back(f);
  }
  return out;
}

class TileRule {
public:
  TileRule(Schedule& s, Name id, std::vector<Name> epilogue) : s_(s), id_(id), epilogue_(std::move(epilogue)) {}

  bool run() {
    Ref<Block> block = s_.block(id_);
    Shape4 loops = loops_by_kind(s_, *block);
    if (loops.spatial.empty() || loops.reduce.empty()) return false;
    Ref<Var> column = loops.spatial.back()->var;
    if (is_int(loops.spatial.back()->extent, 1) || !contiguous(*block, column)) return false;
    shared_columns_ = !column_in_all(*block, column);
    for (const Name& map : epilogue_)
      if (!join_epilogue(s_, id_, map, loops.spatial.size())) return false;
    double work = 2;
    for (const auto& f : s_.loops(id_)) work *= static_cast<double>(as_int(f->extent).value_or(64));
    // Rows that lie evenly in every access are one loop: 1×1 convolutions become matrix products.
    Loops rows;
    for (size_t i = 0; i + 1 < loops.spatial.size(); ++i) rows.push_back(loops.spatial[i]->var);
    for (size_t i = rows.size(); i-- > 1;)
      if (even(rows[i - 1], rows[i])) {
        rows[i - 1] = fuse(s_, rows[i - 1], rows[i]);
        rows.erase(rows.begin() + static_cast<int64_t>(i));
      }
    plan_ = choose(rows, s_.loop(column)->extent, loops.reduce);
    panels(rows, column, work);
    return true;
  }

private:
  // Every read steps by 0 or 1 with the column, and the store by 1.
  bool contiguous(const Block& block, const Ref<Var>& column) {
    for (const auto& a : strides_of(s_, block, column)) {
      auto c = a.coefficient ? as_int(a.coefficient) : std::nullopt;
      if (!c || (*c != 1 && (a.is_store || *c != 0))) return false;
    }
    return true;
  }
  bool column_in_all(const Block& block, const Ref<Var>& column) {
    for (const auto& a : strides_of(s_, block, column))
      if (is_int(a.coefficient, 0)) return false;
    return true;
  }

  std::vector<Ref<Block>> all_blocks() const {
    std::vector<Ref<Block>> out = {s_.block(id_)};
    for (const Name& e : epilogue_) out.push_back(s_.block(e));
    return out;
  }

  bool even(const Ref<Var>& outer, const Ref<Var>& inner) {
    Ref<Expr> extent = s_.loop(inner)->extent;
    for (const auto& block : all_blocks()) {
      auto o = strides_of(s_, *block, outer), i = strides_of(s_, *block, inner);
      for (size_t k = 0; k < o.size(); ++k)
        if (!o[k].coefficient || !i[k].coefficient ||
            !arith::prove_equal(as_ref<Expr>(o[k].coefficient), as_ref<Expr>(i[k].coefficient) * extent))
          return false;
    }
    return true;
  }

  TileChoice choose(const Loops& rows, const Ref<Expr>& columns, const std::vector<Ref<For>>& reduce) {
    TileProblem problem;
    problem.columns = as_int(columns).value_or(0);
    problem.element_bytes = s_.block(id_)->body.node() ? as<Store>(s_.block(id_)->body)->value->dtype.bytes() : 4;
    problem.shared_columns = shared_columns_;
    for (const auto& f : reduce) problem.depth *= as_int(f->extent).value_or(256);
    if (!rows.empty()) problem.row_length = as_int(s_.loop(rows.back())->extent).value_or(0);
    if (rows.size() > 1) problem.lines = as_int(s_.loop(rows[rows.size() - 2])->extent).value_or(1);
    problem.has_rows = !rows.empty();
    problem.dynamic_rows = !rows.empty() && !as_int(s_.loop(rows.back())->extent);
    return choose_tile(s_.target(), problem);
  }

  // Whole panels, then what is left of the columns.
  void panels(const Loops& rows, const Ref<Var>& column, double work) {
    Ref<Expr> extent = s_.loop(column)->extent;
    int64_t width = plan_.columns;
    auto total = as_int(extent);
    if (total && *total < width) width = *total;
    if (total && *total % width == 0) {
      panel(id_, rows, column, width, work);
      return;
    }
    // Two sequences of nests would need a barrier between them for nothing: the rest is a second nest over the same rows.
    Ref<Var> first = rows.empty() ? column : rows[0];
    (void)first;
    rest_of_columns(rows, column, extent, width, work);
  }

  void rest_of_columns(const Loops& rows, const Ref<Var>& column, const Ref<Expr>& extent, int64_t width, double work) {
    auto total = as_int(extent);
    if (total) {
      // Inside the rows the column loop falls into [0, whole) and [whole, total): rows go inside each.
      int64_t whole = *total / width * width;
      Loops order = {column};
      order.insert(order.end(), rows.begin(), rows.end());
      reorder(s_, order);
      Loops parts = partition(s_, column, imm(whole));
      Loops back = rows;
      back.push_back(column);
      reorder(s_, back);
      // The rest's nest has fresh variables; find them by the block.
      std::vector<Name> names = copies(parts[1]);
      auto loops = s_.loops(names[0]);
      Loops rest_rows;
      for (const auto& f : loops) {
        if (f->var.same_as(parts[1])) continue;
        if (rest_rows.size() < rows.size()) rest_rows.push_back(f->var);
      }
      Loops rest_order = rest_rows;
      rest_order.push_back(parts[1]);
      reorder(s_, rest_order);
      panel(id_, rows, column, width, work);
      panel(names[0], rest_rows, parts[1], *total - whole, work * static_cast<double>(*total - whole) / static_cast<double>(*total));
      return;
    }
    // Unknown number of columns: panels of one vector, then single columns.
    (void)work;
    panel_dynamic(rows, column, extent, width, work);
  }

  void panel_dynamic(const Loops& rows, const Ref<Var>& column, const Ref<Expr>& extent, int64_t width, double work) {
    Loops order = {column};
    order.insert(order.end(), rows.begin(), rows.end());
    reorder(s_, order);
    Loops parts = partition(s_, column, arith::simplify(floordiv(extent, width) * width));
    std::vector<Name> names = copies(parts[1]);
    Loops back = rows;
    back.push_back(column);
    reorder(s_, back);
    Loops rest_rows;
    for (const auto& f : s_.loops(names[0]))
      if (!f->var.same_as(parts[1]) && rest_rows.size() < rows.size()) rest_rows.push_back(f->var);
    Loops rest_order = rest_rows;
    rest_order.push_back(parts[1]);
    reorder(s_, rest_order);
    panel(id_, rows, column, width, work);
    panel(names[0], rest_rows, parts[1], 1, work);
  }

  // Blocks inside the loop, the reduction first.
  std::vector<Name> copies(const Ref<Var>& loop) {
    std::vector<Name> out;
    visit(s_.loop(loop).node(), [&](const Block& b) { out.push_back(b.id); });
    return out;
  }

  // Rows…, column → shared(row blocks, panels), tiles of rows, a panel's columns.
  void panel(Name reduction, const Loops& rows, const Ref<Var>& column, int64_t width, double work) {
    Loops split_columns = split(s_, column, width);
    Ref<Var> panel = split_columns[0], inside = split_columns[1];
    if (rows.empty()) {
      tensorize(s_, reduction, inside, inside);
      if (work >= worth_a_thread) parallel(s_, panel);
      return;
    }
    Ref<Var> line = rows.back();
    Loops outer(rows.begin(), rows.end() - 1);
    bool many_lines = plan_.lines > 1 && !outer.empty();
    // Blocks of rows: as many as keep their input in half of the second-level cache, and enough for all threads.
    Loops before = outer;
    Loops tile_outer;
    if (many_lines) {
      tile_outer.push_back(before.back());
      before.pop_back();
    } else if (auto extent = as_int(s_.loop(line)->extent); extent && plan_.block_rows > 0 && *extent > plan_.block_rows) {
      Ref<Var> block = split_blocks(line, *extent);
      before.push_back(block);
    }
    before.push_back(panel);
    Loops order = before;
    order.insert(order.end(), tile_outer.begin(), tile_outer.end());
    order.push_back(line_);
    order.push_back(inside);
    if (line_.node() == nullptr) order[order.size() - 2] = line;
    reorder(s_, order);
    Ref<Var> rows_loop = line_inner(line);
    tile(reduction, tile_outer, rows_loop, inside);
    share_outer(s_, before, work);
    line_ = Ref<Var>(nullptr, 0);
  }

  Ref<Var> split_blocks(const Ref<Var>& line, int64_t extent) {
    int64_t blocks = std::max<int64_t>(extent / plan_.block_rows, 1);
    while (extent % blocks) ++blocks;
    Loops parts = split(s_, line, extent / blocks);
    line_ = parts[1];
    return parts[0];
  }
  Ref<Var> line_inner(const Ref<Var>& line) { return line_.node() ? line_ : line; }

  void tile(Name reduction, const Loops& tile_outer, const Ref<Var>& line, const Ref<Var>& inside) {
    auto extent = as_int(s_.loop(line)->extent);
    if (!extent) {
      // Whole tiles, then rows one by one.
      Ref<Expr> count = s_.loop(line)->extent;
      Ref<Var> rest = partition(s_, line, arith::simplify(floordiv(count, plan_.rows) * plan_.rows))[1];
      Loops parts = split(s_, line, plan_.rows);
      std::vector<Name> remaining = copies(rest);
      tensorize(s_, reduction, parts[1], inside);
      single_rows(remaining[0], rest);
      return;
    }
    if (!tile_outer.empty()) {
      // Whole lines: several together.
      EvenSplit lines = split_evenly(s_, tile_outer[0], plan_.lines);
      for (const auto& inner : lines.inner) tensorize_nest(inner);
      return;
    }
    EvenSplit tiles = split_evenly(s_, line, plan_.rows);
    for (const auto& inner : tiles.inner) tensorize_nest(inner);
  }

  void single_rows(Name reduction, const Ref<Var>& rest) {
    Loops parts = split(s_, rest, 1);
    (void)reduction;
    tensorize_nest(parts[1]);
  }

  // The nest below `top`: rows, column, reduction. The column is the last loop before the reduction.
  void tensorize_nest(const Ref<Var>& top) {
    std::vector<Name> names = copies(top);
    Ref<Block> block = s_.block(names[0]);
    Shape4 loops = loops_by_kind(s_, *block);
    tensorize(s_, names[0], top, loops.spatial.back()->var);
  }

  static constexpr double worth_a_thread = 16000;
  Schedule& s_;
  Name id_;
  std::vector<Name> epilogue_;
  TileChoice plan_;
  bool shared_columns_ = false;
  Ref<Var> line_ = Ref<Var>(nullptr, 0);
};

} // namespace

bool schedule_tile(Schedule& s, Name reduction, const std::vector<Name>& epilogue) {
  Schedule attempt = s;
  if (!TileRule(attempt, reduction, epilogue).run()) return false;
  s.set_body(attempt.kernel()->body);
  return true;
}

} // namespace tw::schedule

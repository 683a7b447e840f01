// SPDX-License-Identifier: Apache-2.0
// Reductions whose last spatial axis is contiguous become register tiles: matrix products, every convolution, depthwise convolution,
// pooling, sums over outer axes. Loop order, from the outside: blocks of rows that stay in the second-level cache, panels of columns,
// tiles. Blocks and panels are one loop, shared between threads.
#include "ir/visit.h"
#include "schedule/placement.h"
#include "schedule/rules/rules.h"
#include "target/register_tile.h"
#include "target/shares.h"

#include <algorithm>

namespace tw::schedule {
namespace {

// Merges the loops of the following map into the reduction's spatial loops, so that one nest holds both. They share the outer ones already.
bool join_epilogue(Schedule& s, Name reduction, Name map, size_t outer, size_t spatial) {
  if (!outer) part_loops_like(s, reduction, map);
  auto a = s.loops(reduction), b = s.loops(map);
  if (b.size() != outer + spatial) return false;
  for (size_t i = outer; i < b.size(); ++i)
    if (!arith::prove_equal(a[i]->extent, b[i]->extent)) return false;
  for (size_t i = outer; i < b.size(); ++i) merge_loops(s, a[i]->var, b[i]->var);
  return true;
}

struct LoopsByKind {
  std::vector<Ref<For>> spatial, reduce;
};

LoopsByKind loops_by_kind(Schedule& s, const Block& block) {
  LoopsByKind out;
  for (const auto& f : s.loops(block.id)) {
    bool reduces = false;
    for (const auto& iter : block.iters) reduces = reduces || (iter->how == IterKind::reduce && uses(iter->value.node(), f->var.node()));
    (reduces ? out.reduce : out.spatial).push_back(f);
  }
  return out;
}

constexpr int64_t long_tile = 256; // points of the reduction beside which dividing a shared loop's index costs little
// Rows that fill the units and let a panel come from the last-level cache: so many are scheduled by themselves, whatever loop is around.
constexpr int64_t enough_rows = 48;
constexpr double worth_more_blocks = 0.03; // of a kernel's time, that threads wait less
constexpr int64_t enough_panels = 8;       // for threads to share nothing else

class TileRule {
public:
  TileRule(Schedule& s, std::vector<Name> prologue, Name id, std::vector<Name> epilogue, size_t outer)
      : s_(s), id_(id), prologue_(std::move(prologue)), epilogue_(std::move(epilogue)), outer_(outer) {}

  bool run() {
    Ref<Block> block = s_.block(id_);
    LoopsByKind loops = loops_by_kind(s_, *block);
    if (loops.spatial.size() <= outer_ || loops.reduce.empty()) return false;
    if (std::ranges::any_of(loops.spatial, [](const Ref<For>& f) { return is_int(f->extent, 0); })) return false; // nothing to compute
    loops.spatial.erase(loops.spatial.begin(), loops.spatial.begin() + static_cast<int64_t>(outer_));
    for (const Name& map : epilogue_)
      if (!join_epilogue(s_, id_, map, outer_, loops.spatial.size())) return false;
    Loops rows;
    for (size_t i = 0; i + 1 < loops.spatial.size(); ++i) rows.push_back(loops.spatial[i]->var);
    Ref<Var> column = loops.spatial.back()->var;
    if (int64_t group = group_size(*block); group && !outer_) column = split_groups(column, group, rows);
    block = s_.block(id_);
    if (is_int(s_.loop(column)->extent, 1) || !contiguous(*block, column)) return false;
    shared_columns_ = !column_in_all(*block, column);
    double work = 2;
    for (const auto& f : s_.loops(id_)) work *= static_cast<double>(as_int(f->extent).value_or(64));
    // Rows that lie evenly in every access are one loop: 1×1 convolutions become matrix products.
    // So are loops of one iteration and their neighbours.
    auto single = [&](const Ref<Var>& loop) { return is_int(s_.loop(loop)->extent, 1); };
    for (size_t i = rows.size(); i-- > 1;)
      if (single(rows[i - 1]) || single(rows[i]) || (!unknown_around_known(rows, i) && even(rows[i - 1], rows[i]))) {
        rows[i - 1] = fuse(s_, rows[i - 1], rows[i]);
        rows.erase(rows.begin() + static_cast<int64_t>(i));
      }
    shares_lines_ = order_rows(rows, column);
    plan_ = choose(rows, column, loops.reduce);
    panels(rows, column, work);
    for (const Name& map : prologue_) schedule_map(s_, map, true);
    return true;
  }

private:
  // Channels that share their inputs: the divisor by which a read tells groups apart; 0 if none does.
  static int64_t group_size(const Block& block) {
    const Iter* last = nullptr;
    for (const auto& iter : block.iters)
      if (iter->how == IterKind::spatial) last = iter.get();
    int64_t size = 0;
    visit(block.body, [&](const Binary& b) {
      if (b.op == BinaryOp::floordiv && last && b.a.same_as(last->var)) size = as_int(b.b).value_or(0);
    });
    auto extent = last ? as_int(last->extent) : std::nullopt;
    return extent && size > 1 && *extent > size && *extent % size == 0 ? size : 0;
  }
  // Groups become the outermost loop; gives the columns of one.
  Ref<Var> split_groups(const Ref<Var>& column, int64_t group, Loops& rows) {
    Loops parts = split(s_, column, group);
    Loops order = {parts[0]};
    order.insert(order.end(), rows.begin(), rows.end());
    order.push_back(parts[1]);
    reorder(s_, order);
    rows.insert(rows.begin(), parts[0]);
    return parts[1];
  }

  // Every read steps by 0 or 1 with the column, and the store by 1. Where all step with it (windows with strides), reads may also step by
  // what shuffles take.
  bool contiguous(const Block& block, const Ref<Var>& column) {
    bool shuffled = false, shared = false;
    for (const auto& a : strides_of(s_, block, column)) {
      auto c = a.coefficient ? as_int(a.coefficient) : std::nullopt;
      if (!c || (*c != 1 && (a.is_store || (*c != 0 && !is_shuffled(*c))))) return false;
      shared = shared || *c == 0;
      shuffled = shuffled || *c > 1;
    }
    return !(shared && shuffled);
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

  // Around loop i stands an unknown number (of images), each of enough rows: these are cut into even tiles, as if they were alone.
  bool unknown_around_known(const Loops& rows, size_t i) {
    if (!shared_columns_ || outer_ || as_int(s_.loop(rows[i - 1])->extent)) return false;
    int64_t known = 1;
    for (; i < rows.size(); ++i) known *= as_int(s_.loop(rows[i])->extent).value_or(0);
    return known >= enough_rows;
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

  // Rows of a tile share what is read along the columns. Where the innermost rows do not (places of channels-first data, whose columns are
  // places too), others that do (output channels) come last; then false: whole lines of them share nothing.
  bool order_rows(Loops& rows, const Ref<Var>& column) {
    if (!shared_columns_ || outer_) return true;
    Ref<Block> block = s_.block(id_);
    auto by_column = strides_of(s_, *block, column);
    auto share = [&](const Ref<Var>& row) {
      auto by_row = strides_of(s_, *block, row);
      for (size_t i = 0; i < by_row.size(); ++i)
        if (!by_row[i].is_store && is_int(by_column[i].coefficient, 1) && !is_output(by_row[i]) && !is_int(by_row[i].coefficient, 0))
          return false;
      return true;
    };
    if (rows.size() < 2 || share(rows.back())) return true;
    for (size_t i = rows.size() - 1; i-- > 0;)
      if (share(rows[i])) {
        std::rotate(rows.begin() + static_cast<int64_t>(i), rows.begin() + static_cast<int64_t>(i) + 1, rows.end());
        Loops order = rows;
        order.push_back(column);
        reorder(s_, order);
        return false;
      }
    return true;
  }
  // The reduction reads its own result.
  bool is_output(const AccessStride& access) { return access.buffer == as<Store>(s_.block(id_)->body)->buffer.node(); }

  // Bytes from row to row of the operand that does not step with the columns.
  int64_t row_step(const Ref<Var>& row, const Ref<Var>& column) {
    Ref<Block> block = s_.block(id_);
    auto by_row = strides_of(s_, *block, row), by_column = strides_of(s_, *block, column);
    for (size_t i = 0; i < by_row.size(); ++i)
      if (!by_row[i].is_store && is_int(by_column[i].coefficient, 0) && by_row[i].coefficient)
        return as_int(by_row[i].coefficient).value_or(0) * element_bytes_;
    return 0;
  }

  // Elements of the operand that does not step with the columns; 0: not known.
  int64_t rows_operand(const Ref<Var>& column) {
    for (const auto& access : strides_of(s_, *s_.block(id_), column))
      if (!access.is_store && is_int(access.coefficient, 0)) return as_int(element_count(as<Buffer>(access.buffer)->shape)).value_or(0);
    return 0;
  }
  // Windows overlap, so that rows in several blocks, each of which the second-level cache holds with room to spare, may read large weights
  // more often than rows in one block would read themselves. `before`: loops around the blocked one.
  bool better_in_one_block(const Loops& before, int64_t blocks, int64_t panels, int64_t width) {
    double maps = 1;
    for (const auto& loop : before) maps *= static_cast<double>(as_int(s_.loop(loop)->extent).value_or(1));
    double rows = static_cast<double>(rows_operand_) / maps, weights = static_cast<double>(panels * width * depth_per_row_);
    bool fits = rows * element_bytes_ <= static_cast<double>(s_.target().l2_bytes) / 4;
    double whole = weights + rows * (fits ? 1.0 : static_cast<double>(panels));
    bool large = weights * element_bytes_ > static_cast<double>(s_.target().l2_bytes) / 2; // else they stay for the next block
    return rows_operand_ > 0 && blocks > 1 && large && whole * 4 / 3 < static_cast<double>(blocks) * weights + rows;
  }

  TileChoice choose(const Loops& rows, const Ref<Var>& column, const std::vector<Ref<For>>& reduce) {
    TileProblem& problem = problem_;
    problem.columns = as_int(s_.loop(column)->extent).value_or(0);
    problem.element_bytes = element_bytes_ = as<Store>(s_.block(id_)->body)->value->dtype.bytes();
    problem.shared_columns = shared_columns_;
    problem.whole_panels = !prologue_.empty(); // each nest would have strips of its own
    for (const auto& f : reduce) problem.depth *= as_int(f->extent).value_or(256);
    depth_per_row_ = problem.depth;
    if (shared_columns_) rows_operand_ = rows_operand(column);
    if (!rows.empty()) problem.row_length = as_int(s_.loop(rows.back())->extent).value_or(0);
    if (!rows.empty()) problem.row_step = row_step(rows.back(), column);
    if (rows.size() > 1 && shares_lines_) problem.lines = as_int(s_.loop(rows[rows.size() - 2])->extent).value_or(1);
    problem.has_rows = !rows.empty();
    problem.one_run = rows.size() == 1;
    return choose_tile(s_.target(), problem);
  }

  // Whole panels, and what is left of the columns as a nest of its own over the same rows (no barrier: they write different columns).
  void panels(const Loops& rows, const Ref<Var>& column, double work) {
    Ref<Expr> extent = s_.loop(column)->extent;
    int64_t width = plan_.columns;
    auto total = as_int(extent);
    if (total && *total < width) width = *total;
    if (total && *total % width == 0) return panel(rows, column, width, work);
    one_nest_ = false;
    Loops column_first = {column};
    column_first.insert(column_first.end(), rows.begin(), rows.end());
    reorder(s_, column_first);
    Ref<Var> rest = partition(s_, column, floordiv(extent, width) * width)[1];
    Loops rest_rows;
    auto all = s_.loops(copies(rest)[0]);
    for (size_t i = outer_; i < all.size(); ++i)
      if (!all[i]->var.same_as(rest) && rest_rows.size() < rows.size()) rest_rows.push_back(all[i]->var);
    auto column_last = [&](Loops order, const Ref<Var>& last) {
      order.push_back(last);
      reorder(s_, order);
    };
    column_last(rows, column);
    column_last(rest_rows, rest);
    panel(rows, column, width, work);
    // Of an unknown number of columns, what is left runs vector by vector, or one by one.
    int64_t lanes = s_.target().lanes(element_bytes_);
    bool vectors = !total && arith::Analyzer().prove_multiple(s_.loop(rest)->extent, lanes);
    panel(rest_rows, rest, total ? *total % width : vectors ? lanes : 1, work);
  }

  // Blocks inside the loop, the reduction first.
  std::vector<Name> copies(const Ref<Var>& loop) {
    std::vector<Name> out;
    visit(s_.loop(loop).node(), [&](const Block& b) { out.push_back(b.id); });
    return out;
  }

  // Where all operands step with the columns there is little but data that another kernel has computed, and a line that another core has
  // written is slow to read: as many blocks as threads divide without cutting one, each of some rows, so that most of what a thread reads
  // is its own. 0: no such number, or the map is so small that weights are what is large, and whoever computed it has shared its columns.
  int64_t blocks_of_threads(std::optional<int64_t> lines, int64_t wanted) const {
    if (shared_columns_ || !prologue_.empty() || !lines) return 0;
    for (int64_t blocks : {16, 8, 4, 2})
      if (*lines % blocks == 0 && *lines / blocks >= std::min<int64_t>(7, *lines / wanted)) return blocks;
    return 0;
  }

  // How many blocks a row loop becomes: so many that a block's input stays in half of the second-level cache and that threads divide them.
  int64_t blocks_wanted(int64_t extent, int64_t row_elements, int64_t panels) const {
    int64_t fitting = std::max<int64_t>(s_.target().l2_bytes / 2 / std::max<int64_t>(row_elements * element_bytes_, 1), 1);
    return std::min(std::max((extent + fitting - 1) / fitting, (8 + panels - 1) / panels), extent);
  }
  // As many blocks as wanted, or up to twice as many if threads divide the units of each better; equal ones (0: there is no such number),
  // or with what is left as one more.
  int64_t block_count(int64_t extent, int64_t wanted, int64_t units, bool with_rest) const {
    const int64_t threads = expected_threads(s_.target());
    int64_t best = 0;
    double least = 0;
    for (int64_t blocks = wanted; blocks <= std::min(2 * wanted, extent); ++blocks) {
      const int64_t rest = extent % blocks;
      if (rest && !with_rest) continue;
      const double part = static_cast<double>(rest) / static_cast<double>(extent);
      const double busiest = busiest_share(blocks * units, threads) * (1 - part) + busiest_share(units, threads) * part;
      if (!best || busiest < least - worth_more_blocks) best = blocks, least = busiest;
    }
    return best;
  }

  // Weights of all columns, if there are such, stay in the second-level cache beside what else goes through it.
  bool light(std::optional<int64_t> columns) const {
    return !shared_columns_ || (columns && *columns * depth_per_row_ * element_bytes_ <= s_.target().l2_bytes / 4);
  }
  // Of deep reductions what a panel reads of the rows takes so much shorter than its products that all lines go through one panel, whether
  // they stay in the cache or not, where there are enough panels for threads to share.
  bool lines_stay_inside(std::optional<int64_t> columns, int64_t width) const {
    return columns && !light(columns) && *columns / width >= enough_panels;
  }
  // A known number of rows inside a loop of unknown length.
  bool images_of_rows(const Loops& rows) {
    return rows.size() > 1 && as_int(s_.loop(rows.back())->extent) && !as_int(s_.loop(rows[rows.size() - 2])->extent);
  }
  // An unknown number of rows or lines, which threads shall share: blocks of so many that large weights are read seldom, and a nest for the
  // last ones. Where weights stay in the cache a block is one tile of rows. Lines are cut there only if tiles are long: there may be one
  // line.
  bool cut_unknown_rows(const Loops& rows, const Ref<Var>& column, int64_t width, double work) {
    bool has_lines = rows.size() > 1;
    if (images_of_rows(rows) && *as_int(s_.loop(rows.back())->extent) >= enough_rows) return false;
    auto columns = as_int(s_.loop(column)->extent);
    bool is_light = light(columns);
    if (has_lines && (is_light ? !shared_columns_ || depth_per_row_ < long_tile : lines_stay_inside(columns, width))) return false;
    size_t at = rows.size() - (has_lines && !is_light ? 2 : 1);
    Ref<Var> blocked = rows[at];
    Ref<Expr> extent = s_.loop(blocked)->extent;
    if (outer_ || as_int(extent) || work < worth_a_thread || (is_light && plan_.rows == 1)) return false;
    constexpr int64_t lines_of_a_block = 8, tiles_of_a_block = 8;
    int64_t fitting = s_.target().l2_bytes / 2 / (depth_per_row_ * element_bytes_) / plan_.rows;
    int64_t each = is_light ? plan_.rows : has_lines ? lines_of_a_block : plan_.rows * std::clamp<int64_t>(fitting, 1, tiles_of_a_block);
    Loops rest_rows;
    Ref<Var> rest_column = column;
    if (!arith::Analyzer().prove_multiple(extent, each)) {
      one_nest_ = false;
      Loops order = rows;
      order.erase(order.begin() + static_cast<int64_t>(at));
      order.insert(order.begin(), blocked);
      reorder(s_, order);
      Ref<Var> rest = partition(s_, blocked, floordiv(extent, each) * each)[1];
      auto copied = s_.loops(copies(rest)[0]);
      for (size_t i = 1; i < rows.size(); ++i) rest_rows.push_back(copied[i]->var);
      rest_rows.insert(rest_rows.begin() + static_cast<int64_t>(at), rest);
      rest_column = copied[rows.size()]->var;
    }
    Loops halves = split(s_, blocked, each), whole = rows;
    whole[at] = halves[1];
    whole.insert(whole.begin() + static_cast<int64_t>(at), halves[0]);
    panel(whole, column, width, work, 1);
    if (!rest_rows.empty()) panel(rest_rows, rest_column, width, work, 1);
    return true;
  }

  // rows…, column → shared(outer rows, row blocks, panels), rows of a block, columns of a panel.
  void panel(const Loops& rows, const Ref<Var>& column, int64_t width, double work, int64_t blocks = 0) {
    auto total = as_int(s_.loop(column)->extent);
    int64_t panels = total ? std::max<int64_t>(*total / width, 1) : 4;
    if (rows.empty()) {
      Loops parts = split(s_, column, width);
      tensorize_nest(parts[1]);
      if (work >= worth_a_thread && !outer_) parallel(s_, parts[0]);
      return;
    }
    if (!blocks && cut_unknown_rows(rows, column, width, work)) return;
    bool has_lines = rows.size() > 1 && !images_of_rows(rows), cut = blocks > 0;
    Ref<Var> line = rows.back(), blocked = has_lines ? rows[rows.size() - 2] : line;
    int64_t length = has_lines ? as_int(s_.loop(line)->extent).value_or(64) : 1;
    bool strips = prologue_in_strips(has_lines, s_.loop(blocked)->extent);
    auto extent = as_int(s_.loop(blocked)->extent);
    int64_t units = strips && shared_columns_ ? 1 : panels; // of each block, for threads
    int64_t wanted = extent && !outer_ ? blocks_wanted(*extent, length * depth_per_row_, units) : 1;
    if (has_lines && total && better_in_one_block(Loops(rows.begin(), rows.end() - 2), wanted, panels, width))
      wanted = blocks_wanted(*extent, 0, units);
    if (!blocks && !outer_ && has_lines) blocks = blocks_of_threads(extent, wanted);
    if (!blocks && !outer_ && has_lines && !shared_columns_ && extent) wanted = std::max(wanted, std::min<int64_t>(8, *extent / 4));
    if (!blocks) blocks = wanted > 1 ? block_count(*extent, wanted, units, false) : 1;
    // Few panels and rows that nothing divides: what threads share is the tiles of all panels.
    bool share_tiles = !blocks && !has_lines && prologue_.empty() && wanted <= (8 + panels - 1) / panels;
    if (share_tiles) blocks = 1;
    if (!blocks && prologue_.empty() && blocked.same_as(rows[0])) {
      // Nothing near divides the rows: whole blocks, and a nest for the last one.
      int64_t each = *extent / block_count(*extent, wanted, units, true);
      Ref<Var> rest = partition(s_, blocked, imm(*extent / each * each))[1];
      auto loops = s_.loops(copies(rest)[0]);
      Loops rest_rows;
      for (const auto& f : loops)
        if (rest_rows.size() < rows.size()) rest_rows.push_back(f->var);
      Ref<Var> rest_column = loops[rows.size()]->var;
      panel(rows, column, width, work, *extent / each);
      panel(rest_rows, rest_column, width, work, 1);
      return;
    }
    Loops parts = split(s_, column, width);
    Ref<Var> panel = parts[0], inside = parts[1];
    Loops before(rows.begin(), rows.end() - (has_lines ? 2 : 1)), order;
    blocks = std::max<int64_t>(blocks, 1); // rows that could not be cut stay one block
    if (blocks > 1) {
      Loops halves = split(s_, blocked, *extent / blocks);
      before.push_back(halves[0]);
      blocked = halves[1];
      if (!has_lines) line = blocked;
    }
    if (has_lines && !extent && (light(total) || (!cut && !lines_stay_inside(total, width)))) { // threads share them, however many
      before.push_back(blocked);
      has_lines = false;
    }
    if (!strips && panels > 1 && columns_stay_in_cache(total) && as_int(s_.loop(line)->extent)) {
      if (has_lines) before.push_back(blocked);
      return rows_first(std::move(before), line, panel, inside, work);
    }
    before.push_back(panel);
    order = before;
    if (has_lines) order.push_back(blocked);
    order.push_back(line);
    order.push_back(inside);
    reorder(s_, order);
    if (strips && shared_columns_ && before.size() == 1) strips = false; // one block of rows: its border is the whole
    if (strips) {
      if (shared_columns_) before.pop_back(); // a strip serves all panels
      for (const Name& map : prologue_) compute_in_strip(map, before.back());
      prologue_.clear();
    }
    if (share_tiles) {
      EvenSplit steps = split_evenly(s_, line, plan_.rows);
      for (const auto& top : steps.inner) tensorize_nest(top);
      before.push_back(steps.step);
    } else {
      tile(has_lines && plan_.lines > 1 ? Opt<Var>(blocked) : Opt<Var>(), line);
    }
    if (!outer_) share_outer(s_, before, work);
  }

  // The weights of all columns stay in the nearer half of the second-level cache: rows go by once, each tile of them through all panels,
  // and results are written line by line.
  bool columns_stay_in_cache(std::optional<int64_t> columns) const {
    return shared_columns_ && prologue_.empty() && plan_.lines == 1 && columns &&
           *columns * depth_per_row_ * element_bytes_ <= s_.target().l2_bytes / 8;
  }
  void rows_first(Loops before, const Ref<Var>& line, const Ref<Var>& panel, const Ref<Var>& inside, double work) {
    bool one_tile = *as_int(s_.loop(line)->extent) <= plan_.rows;
    Loops order = before;
    for (const auto& loop : one_tile ? Loops{panel, line, inside} : Loops{line, panel, inside}) order.push_back(loop);
    reorder(s_, order);
    if (one_tile) { // of the few or unknown number of them, threads share the panels too
      tensorize_nest(line);
      before.push_back(panel);
      if (!outer_) share_outer(s_, before, work);
      return;
    }
    EvenSplit steps = split_evenly(s_, line, plan_.rows);
    for (const auto& rows : steps.inner) {
      // The copy's own loops: rows, panel, columns.
      const auto* panels = as<For>(s_.loop(rows)->body);
      if (!panels) throw internal_error("rows of a tile hold no loop over panels");
      reorder(s_, {panels->var, rows});
      tensorize_nest(rows);
    }
    before.push_back(steps.step);
    if (!outer_) share_outer(s_, before, work);
  }

  // What the reduction reads is computed strip by strip, by the thread that needs it, unless the whole is small and strips would overlap a
  // lot.
  bool prologue_in_strips(bool has_lines, const Ref<Expr>& lines) {
    auto count = as_int(lines);
    return !prologue_.empty() && has_lines && one_nest_ && count && (!shared_columns_ || *count >= 28);
  }
  void compute_in_strip(Name map, const Ref<Var>& at) {
    Ref<Buffer> buffer = as<Store>(s_.block(map)->body)->buffer;
    compute_at(s_, map, at);
    narrow(s_, buffer, at);
    schedule_map(s_, map, false);
  }

  // Tiles of a block's rows: whole lines together, or parts of one line.
  void tile(const Opt<Var>& lines, const Ref<Var>& line) {
    if (lines && as_int(s_.loop(as_ref<Var>(lines))->extent) && as_int(s_.loop(line)->extent)) {
      for (const auto& top : split_evenly(s_, as_ref<Var>(lines), plan_.lines).inner) tensorize_nest(top);
      return;
    }
    if (as_int(s_.loop(line)->extent)) {
      for (const auto& top : split_evenly(s_, line, plan_.rows).inner) tensorize_nest(top);
      return;
    }
    // An unknown number of rows: whole tiles, then ever shorter ones for what is left.
    Ref<Var> rest = line;
    for (int64_t rows : tile_heights(s_.target(), plan_, problem_)) {
      Ref<Var> whole = rest;
      Ref<Expr> count = s_.loop(whole)->extent;
      if (arith::Analyzer().bounds(count).max < rows) continue;
      bool all = arith::Analyzer().prove_multiple(count, rows);
      if (!all) rest = partition(s_, whole, floordiv(count, rows) * rows)[1];
      tensorize_nest(split(s_, whole, rows)[1]);
      if (all) return;
    }
  }

  // The nest below `top`: rows, column, reduction. The column is the last spatial loop.
  void tensorize_nest(const Ref<Var>& top) {
    Name reduction = copies(top)[0];
    tensorize(s_, reduction, top, loops_by_kind(s_, *s_.block(reduction)).spatial.back()->var);
  }

  Schedule& s_;
  Name id_;
  std::vector<Name> prologue_, epilogue_;
  TileProblem problem_;
  TileChoice plan_;
  size_t outer_ = 0;     // loops around that other nests share: they stay as they are
  bool one_nest_ = true; // no columns are left over for a nest of their own
  bool shared_columns_ = false, shares_lines_ = true;
  int64_t depth_per_row_ = 1; // elements that one row reads, at most
  int64_t rows_operand_ = 0;  // elements of what is read row by row, if that is known and columns share it
  int element_bytes_ = 4;
};

} // namespace

bool schedule_tile(Schedule& s, const std::vector<Name>& prologue, Name reduction, const std::vector<Name>& epilogue, size_t outer) {
  return attempt(s, [&](Schedule& copy) { return TileRule(copy, prologue, reduction, epilogue, outer).run(); });
}

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
// Weights come in panel by panel, the next one while one is in use; two of them, beside the rows that they meet, must stay in the
// second-level cache for that. Where a panel is too deep the sums go through in parts: all tiles of its rows over a first part of the
// reduction, which leave their accumulators in a small buffer, then over the next, which begin with those. The order of each sum stays.
//
//   for p in range(32):                    for p in range(32):
//       for i in range(8):                     partial = allocate((8 * 6 * 16,), f32)
//           with register_tile():              for i in range(8):
//               … reduce(4608)                     with register_tile(): … reduce(1536), stores to partial
//                                              for part in range(1):
//                                                  for i in range(8): with register_tile(): … from partial to partial
//                                              for i in range(8):
//                                                  with register_tile(): … begins with partial, then the epilogue
#include "ir/visit.h"
#include "passes/large_panels.h"
#include "passes/pass.h"

#include <algorithm>

namespace tw::passes {
namespace {

constexpr int64_t least_depth = 256; // of a part: each costs its tiles a load and a store of their accumulators

class Cutter {
public:
  Cutter(const Kernel& kernel, const Target& target) : target_(target), panels_(kernel, target) {}

  // The loop over panels with each cut; empty if this is no such loop, or its panels are fine as they are.
  Opt<Stmt> cut(const For& loop) {
    tiles_.clear();
    loops_.clear();
    if (!collect(loop.body) || tiles_.empty()) return {};
    const RegisterTile& first = *tiles_[0].tile;
    axis_ = 0;
    while (axis_ < first.reduce.size() && is_int(first.reduce[axis_]->extent, 1)) ++axis_;
    LargePanel panel = panels_.read_by(first);
    if (axis_ == first.reduce.size() || !panel.load || !uses(panel.load->index[0].node(), loop.var.node())) return {};
    auto extent = as_int(first.reduce[axis_]->extent);
    parts_ = extent ? count_parts(panel, *extent) : 1;
    if (parts_ == 1) return {};
    int64_t places = 0, uses_of_panel = 0;
    for (Tile& t : tiles_) {
      if (!agrees(*t.tile, first, panel)) return {};
      t.place = places;
      places += t.elements() * iterations(t.loops);
      uses_of_panel += iterations(t.loops);
    }
    if (uses_of_panel == 1) return {};
    partial_ = make(Buffer{.id = "partial", .shape = {imm(places)}, .element = first.value->dtype, .scope = "scratch"});
    each_ = *extent / parts_;
    Ref<Var> part = var("part", i64);
    std::vector<Ref<Stmt>> out = {copy(loop.body, imm(0), Begin::afresh, End::partial)};
    if (parts_ > 2)
      out.push_back(make(For{.begin = imm(0),
                             .extent = imm(parts_ - 2),
                             .var = part,
                             .body = copy(loop.body, Ref<Expr>(part) + 1, Begin::partial, End::partial)}));
    out.push_back(copy(loop.body, imm(parts_ - 1), Begin::partial, End::whole));
    return with(ref_to(loop), &For::body, Ref<Stmt>(make(Allocate{.buffer = *partial_, .body = seq(std::move(out))})));
  }

private:
  enum class Begin { afresh, partial };
  enum class End { partial, whole };
  struct Tile {
    const RegisterTile* tile;
    std::vector<const For*> loops; // between the loop over panels and the tile
    int64_t place = 0;             // of its accumulators in the buffer

    int64_t elements() const {
      int64_t count = as_int(tile->column->extent).value_or(0);
      for (const auto& row : tile->rows) count *= as_int(row->extent).value_or(0);
      return count;
    }
  };

  // Nothing but tiles in constant loops, of which an `if` may choose one by the iteration.
  bool collect(const Ref<Stmt>& s) {
    if (const auto* tile = as<RegisterTile>(s)) {
      tiles_.push_back({tile, loops_});
      return !tile->columns && !tile->prefetch;
    }
    if (const auto* x = as<Seq>(s)) return std::all_of(x->body.begin(), x->body.end(), [&](const auto& part) { return collect(part); });
    if (const auto* x = as<If>(s)) return collect(x->then) && (!x->otherwise || collect(as_ref<Stmt>(x->otherwise)));
    const auto* loop = as<For>(s);
    if (!loop || loop->how != ForKind::serial || !as_int(loop->extent)) return false;
    loops_.push_back(loop);
    bool fine = collect(loop->body);
    loops_.pop_back();
    return fine;
  }

  // As few equal parts as let two of them stay in half of the cache. 1: it need not, or cannot, be cut.
  int64_t count_parts(const LargePanel& panel, int64_t extent) const {
    int64_t most = target_.l2_bytes / 4;
    if (panel.bytes() <= most) return 1;
    for (int64_t parts = 2; parts <= extent && panel.depth / parts >= least_depth; ++parts)
      if (extent % parts == 0 && (panel.bytes() / parts <= most || parts == extent)) return parts;
    return 1;
  }

  // All tiles read one panel, and their accumulators are plain sums.
  bool agrees(const RegisterTile& tile, const RegisterTile& first, const LargePanel& panel) {
    if (tile.combine != Combine::add || tile.value->dtype != first.value->dtype || !tile.value->dtype.is_float()) return false;
    LargePanel mine = panels_.read_by(tile);
    if (!mine.load || !mine.load->buffer.same_as(panel.load->buffer) || mine.width != panel.width || mine.depth != panel.depth)
      return false;
    if (tile.reduce.size() != first.reduce.size() || !equal(tile.reduce[axis_]->extent, first.reduce[axis_]->extent)) return false;
    return equal(panel_start(tile, mine), panel_start(first, panel));
  }

  Ref<Stmt> copy(const Ref<Stmt>& body, const Ref<Expr>& part, Begin begin, End end) {
    return renew(rewrite(body, [&](const RegisterTile& tile) -> Opt<Stmt> {
      auto found = std::find_if(tiles_.begin(), tiles_.end(), [&](const Tile& t) { return t.tile == &tile; });
      return found == tiles_.end() ? Opt<Stmt>() : Opt<Stmt>(one_part(*found, part, begin, end));
    }));
  }

  Ref<Stmt> one_part(const Tile& t, const Ref<Expr>& part, Begin begin, End end) {
    RegisterTile out = *t.tile;
    const TileAxis& whole = *t.tile->reduce[axis_];
    std::vector<Ref<TileAxis>> reduce = t.tile->reduce.vector();
    Ref<Var> within = var(whole.var->id, whole.var->type);
    reduce[axis_] = make(TileAxis{.extent = imm(each_), .var = within});
    out.reduce = std::move(reduce);
    out.value = substitute(t.tile->value, Substitution{{whole.var.node(), part * each_ + within}});
    Ref<Expr> place = place_of(t);
    if (begin == Begin::partial) out.init = load(*partial_, {place});
    if (end == End::partial) out.body = store(*partial_, {place}, Ref<Expr>(out.acc));
    LargePanel panel = panels_.read_by(out);
    if (panel.load) out.prefetch = ask_for(out, panel, panel_start(out, panel) + panel.elements(), t.loops);
    return make(std::move(out));
  }

  Ref<Expr> place_of(const Tile& t) {
    Ref<Expr> place = t.tile->column->var;
    int64_t step = as_int(t.tile->column->extent).value_or(0);
    for (size_t i = t.tile->rows.size(); i-- > 0; step *= as_int(t.tile->rows[i]->extent).value_or(0))
      place = place + Ref<Expr>(t.tile->rows[i]->var) * step;
    for (size_t i = t.loops.size(); i-- > 0; step *= as_int(t.loops[i]->extent).value_or(0))
      place = place + (Ref<Expr>(t.loops[i]->var) - t.loops[i]->begin) * step;
    return arith::simplify(place + t.place);
  }

  const Target& target_;
  LargePanels panels_;
  std::vector<Tile> tiles_;
  std::vector<const For*> loops_;
  size_t axis_ = 0; // of the reduction: the one that is cut
  int64_t parts_ = 1, each_ = 0;
  std::optional<Ref<Buffer>> partial_;
};

} // namespace

Ref<Kernel> cut_deep_panels(const Ref<Kernel>& kernel, PassContext& context) {
  Cutter cutter(*kernel, context.target);
  return with(kernel, &Kernel::body, rewrite(kernel->body, [&](const For& loop, Rewrite again) -> Opt<Stmt> {
                if (auto cut = cutter.cut(loop)) return cut;
                return with(ref_to(loop), &For::body, again(loop.body));
              }));
}

extern const Pass cut_deep_panels_pass;
const Pass cut_deep_panels_pass = {.name = "cut_deep_panels",
                                   .doc = "sums over panels too deep for the second-level cache go through in parts",
                                   .kernel = cut_deep_panels};

} // namespace tw::passes

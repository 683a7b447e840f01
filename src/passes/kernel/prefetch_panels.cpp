// SPDX-License-Identifier: Apache-2.0
// Large weights come from memory, not from a cache: between two runs the rest of the model has passed through. While the tiles of one panel
// are computed, the next panel is asked for, an equal part by each tile, so that its bytes arrive during the whole time that the products
// take instead of stopping the panel's first tile.
//
//   for p in range(16):                           B[p*147456 + k*48 + j]: one panel is 147456 elements without gaps
//       for i in range(8):
//           with register_tile():                 prefetch(B[(p+1)*147456 + i*(3072*6) + k*6])
#include "ir/visit.h"
#include "passes/pass.h"

#include <algorithm>

namespace tw::passes {
namespace {

// Points of the axes in row-major order, and how many there are; empty if an extent is no constant.
struct Flat {
  Ref<Expr> position = imm(0);
  int64_t count = 1;
};

constexpr int64_t stream_distance = 4096; // bytes
constexpr int64_t many_rounds = 8;        // after which the first one, when all comes from memory, counts little

class Prefetcher {
public:
  Prefetcher(const Kernel& kernel, const Target& target) : target_(target) {
    for (const auto& p : kernel.params)
      if (p->access == Access::in) inputs_.push_back(p->buffer.node());
  }

  void enter(const For& loop) { loops_.push_back(&loop); }
  void leave() { loops_.pop_back(); }

  // The load to prefetch for a tile inside the loops entered so far; empty: none pays.
  Opt<Expr> choose(const RegisterTile& tile) {
    Opt<Expr> found;
    visit(tile.value.node(), [&](const Load& load) {
      if (!found && !load.mask && load.index.size() == 1 && is_large(*load.buffer)) found = next_panel(tile, load);
    });
    return found;
  }

private:
  bool is_large(const Buffer& buffer) const {
    int64_t bytes = buffer.element.bytes();
    for (const auto& extent : buffer.shape) bytes *= as_int(extent).value_or(0);
    return bytes >= target_.l2_bytes / 8 && std::find(inputs_.begin(), inputs_.end(), &buffer) != inputs_.end();
  }

  Opt<Expr> next_panel(const RegisterTile& tile, const Load& load) {
    const Ref<Expr>& index = load.index[0];
    auto uses_any = [&](const List<Ref<TileAxis>>& axes) {
      return std::any_of(axes.begin(), axes.end(), [&](const auto& a) { return uses(index.node(), a->var.node()); });
    };
    if (uses_any(tile.rows)) return {};
    auto width = as_int(tile.column->extent);
    int64_t depth = panel_depth(tile, index);
    if (!width || !depth) return {};
    // Loops that use the panel again, innermost first, then the one that goes on to the next.
    Flat again;
    size_t at = loops_.size();
    for (; at > 0 && !uses(index.node(), loops_[at - 1]->var.node()); --at) {
      const For& loop = *loops_[at - 1];
      auto extent = as_int(loop.extent);
      if (!extent) return {};
      again.position = again.position + (Ref<Expr>(loop.var) - loop.begin) * again.count;
      again.count *= *extent;
    }
    if (stays_in_cache(index, at, load, *width * depth)) return {};
    // Two panels do not fit, or nobody uses one again: a stream, of which the lines a little ahead are asked for.
    int64_t bytes = load.buffer->element.bytes();
    if (again.count == 1 || 2 * *width * depth * bytes > target_.l2_bytes)
      return at_index(load, substitute(index, Substitution{{tile.column->var.node(), imm(0)}}) + stream_distance / bytes);
    if (at == 0 || is_int(loops_[at - 1]->extent, 1)) return {};
    const For& panels = *loops_[at - 1];
    Ref<Expr> following = Ref<Expr>(panels.var) + 1;
    // Inside a strip of rows the first panel follows the last one. Shared loops end at another thread's panel, which nobody knows here.
    if (panels.how == ForKind::serial) following = floormod(following - panels.begin, panels.extent) + panels.begin;
    Substitution start = {{panels.var.node(), following}, {tile.column->var.node(), imm(0)}};
    Ref<Expr> within = imm(0);
    for (const auto& axis : tile.reduce) {
      start.emplace(axis->var.node(), imm(0));
      if (!is_int(axis->extent, 1)) within = within * axis->extent + axis->var;
    }
    // Each tile asks for `part` elements at each point of the reduction; the last ones again, if that is more than there is.
    int64_t part = (*width + again.count - 1) / again.count, parts = (*width + part - 1) / part;
    Ref<Expr> turn = parts < again.count ? min(again.position, imm(parts - 1)) : again.position;
    return at_index(load, substitute(index, start) + turn * (part * depth) + within * part);
  }

  // All panels fit into the second-level cache and are read again and again, by each step of a recurrence: from there they need no asking,
  // which costs as many instructions as reading them.
  bool stays_in_cache(const Ref<Expr>& index, size_t panels, const Load& load, int64_t panel) const {
    if (panels == 0) return false;
    int64_t all = as_int(loops_[panels - 1]->extent).value_or(unbounded);
    if (all > target_.l2_bytes / 2 / (panel * load.buffer->element.bytes())) return false;
    int64_t rounds = 1;
    for (size_t i = 0; i + 1 < panels && rounds < many_rounds; ++i)
      if (loops_[i]->how == ForKind::serial && !uses(index.node(), loops_[i]->var.node()))
        rounds *= as_int(loops_[i]->extent).value_or(many_rounds);
    return rounds >= many_rounds;
  }

  static Opt<Expr> at_index(const Load& load, const Ref<Expr>& index) {
    return with(ref_to(load), &Load::index, List<Ref<Expr>>{arith::simplify(index)});
  }

  // Points of the reduction if column and reduction together run over memory without gaps; else 0.
  int64_t panel_depth(const RegisterTile& tile, const Ref<Expr>& index) {
    std::vector<Ref<Var>> axes = {tile.column->var};
    std::vector<int64_t> extents = {as_int(tile.column->extent).value_or(0)};
    for (const auto& axis : tile.reduce) {
      if (is_int(axis->extent, 1)) continue; // it moves nowhere: the window of a 1×1 convolution
      axes.push_back(axis->var);
      extents.push_back(as_int(axis->extent).value_or(0));
    }
    auto form = arith::affine(index, axes, analyzer_);
    if (!form) return 0;
    int64_t dense = extents[0];
    if (!is_int(form->coefficients[0], 1)) return 0;
    for (size_t i = axes.size(); i-- > 1; dense *= extents[i])
      if (extents[i] == 0 || !is_int(form->coefficients[i], dense)) return 0;
    return dense / std::max<int64_t>(extents[0], 1);
  }

  const Target& target_;
  arith::Analyzer analyzer_;
  std::vector<const Node*> inputs_;
  std::vector<const For*> loops_;
};

} // namespace

Ref<Kernel> prefetch_panels(const Ref<Kernel>& kernel, PassContext& context) {
  Prefetcher prefetcher(*kernel, context.target);
  std::map<const Node*, Ref<Expr>> chosen;
  visit(
      kernel.node(),
      [&](const For& loop, Walk walk) {
        prefetcher.enter(loop);
        walk(static_cast<const Node*>(&loop));
        prefetcher.leave();
      },
      [&](const RegisterTile& tile) {
        if (tile.prefetch) return;
        if (auto load = prefetcher.choose(tile)) chosen.emplace(&tile, as_ref<Expr>(load));
      });
  if (chosen.empty()) return kernel;
  return rewrite(kernel, [&](const RegisterTile& tile) -> Opt<Stmt> {
    auto found = chosen.find(&tile);
    if (found == chosen.end()) return {};
    return with(ref_to(tile), &RegisterTile::prefetch, Opt<Expr>(found->second));
  });
}

extern const Pass prefetch_panels_pass;
const Pass prefetch_panels_pass = {
    .name = "prefetch_panels", .doc = "asks for the next panel of large weights while one is in use", .kernel = prefetch_panels};

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
// Large weights come from memory, not from a cache: between two runs the rest of the model has passed through. While the tiles of one panel
// are computed, the next panel is asked for, an equal part by each tile, so that its bytes arrive during the whole time that the products
// take instead of stopping the panel's first tile.
//
//   for p in range(16):                           B[p*147456 + k*48 + j]: one panel is 147456 elements without gaps
//       for i in range(8):
//           with register_tile():                 prefetch(B[(p+1)*147456 + i*(3072*6) + k*6])
#include "ir/visit.h"
#include "passes/large_panels.h"
#include "passes/pass.h"

#include <map>
#include <span>

namespace tw::passes {
namespace {

constexpr int64_t stream_distance = 4096; // bytes
constexpr int64_t many_rounds = 8;        // after which the first one, when all comes from memory, counts little

class Prefetcher {
public:
  Prefetcher(const Kernel& kernel, const Target& target) : target_(target), panels_(kernel, target) {}

  void enter(const For& loop) { loops_.push_back(&loop); }
  void leave() { loops_.pop_back(); }

  // The load to prefetch for a tile inside the loops entered so far; empty: none pays.
  Opt<Expr> choose(const RegisterTile& tile) {
    LargePanel panel = panels_.read_by(tile);
    return panel.load ? following(tile, panel) : Opt<Expr>();
  }

private:
  Opt<Expr> following(const RegisterTile& tile, const LargePanel& panel) {
    const Load& load = *panel.load;
    const Ref<Expr>& index = load.index[0];
    // Loops that use the panel again, then the one that goes on to the next.
    size_t at = loops_.size();
    while (at > 0 && !uses(index.node(), loops_[at - 1]->var.node())) --at;
    std::span<const For* const> again = std::span(loops_).subspan(at);
    if (stays_in_cache(panel, at)) return {};
    // Two panels do not fit, or nobody uses one again: a stream, of which the lines a little ahead are asked for.
    if (iterations(again) == 1 || 2 * panel.bytes() > target_.l2_bytes) {
      Ref<Expr> here = substitute(index, Substitution{{tile.column->var.node(), imm(0)}});
      return with(ref_to(load), &Load::index, List<Ref<Expr>>{arith::simplify(here + stream_distance / load.buffer->element.bytes())});
    }
    if (at == 0 || is_int(loops_[at - 1]->extent, 1)) return {};
    const For& panels = *loops_[at - 1];
    Ref<Expr> next = Ref<Expr>(panels.var) + 1;
    // Inside a strip of rows the first panel follows the last one. Shared loops end at another thread's panel, which nobody knows here.
    if (panels.how == ForKind::serial) next = floormod(next - panels.begin, panels.extent) + panels.begin;
    return ask_for(tile, panel, substitute(panel_start(tile, panel), Substitution{{panels.var.node(), next}}), again);
  }

  // All panels fit into the second-level cache and are read again and again, by each step of a recurrence: from there they need no asking,
  // which costs as many instructions as reading them. `panels`: how many loops stand around the panel's tiles.
  bool stays_in_cache(const LargePanel& panel, size_t panels) const {
    if (panels == 0) return false;
    int64_t all = as_int(loops_[panels - 1]->extent).value_or(unbounded);
    if (all > target_.l2_bytes / 2 / panel.bytes()) return false;
    int64_t rounds = 1;
    for (size_t i = 0; i + 1 < panels && rounds < many_rounds; ++i)
      if (loops_[i]->how == ForKind::serial && !uses(panel.load->index[0].node(), loops_[i]->var.node()))
        rounds *= as_int(loops_[i]->extent).value_or(many_rounds);
    return rounds >= many_rounds;
  }

  const Target& target_;
  LargePanels panels_;
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

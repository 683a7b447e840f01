// SPDX-License-Identifier: Apache-2.0
#include "passes/large_panels.h"

#include "ir/build.h"
#include "ir/visit.h"

#include <algorithm>

namespace tw::passes {

LargePanels::LargePanels(const Kernel& kernel, const Target& target) : target_(target) {
  for (const auto& p : kernel.params)
    if (p->access == Access::in) inputs_.push_back(p->buffer.node());
}

LargePanel LargePanels::read_by(const RegisterTile& tile) {
  LargePanel found;
  visit(tile.value.node(), [&](const Load& load) {
    if (found.load || load.mask || load.index.size() != 1 || !is_large(*load.buffer)) return;
    for (const auto& row : tile.rows)
      if (uses(load.index[0].node(), row->var.node())) return;
    auto width = as_int(tile.column->extent);
    int64_t points = width ? depth(tile, load.index[0]) : 0;
    if (points) found = {.load = &load, .width = *width, .depth = points};
  });
  return found;
}

bool LargePanels::is_large(const Buffer& buffer) const {
  int64_t bytes = buffer.element.bytes();
  for (const auto& extent : buffer.shape) bytes *= as_int(extent).value_or(0);
  return bytes >= target_.l2_bytes / 8 && std::find(inputs_.begin(), inputs_.end(), &buffer) != inputs_.end();
}

// Points of the reduction if column and reduction together run over memory without gaps; else 0.
int64_t LargePanels::depth(const RegisterTile& tile, const Ref<Expr>& index) {
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

Ref<Expr> panel_start(const RegisterTile& tile, const LargePanel& panel) {
  Substitution start = {{tile.column->var.node(), imm(0)}};
  for (const auto& axis : tile.reduce) start.emplace(axis->var.node(), imm(0));
  return substitute(panel.load->index[0], start);
}

namespace {
constexpr int64_t some_times = 4;
int64_t most_of(const For& loop) { return std::clamp<int64_t>(arith::Analyzer().bounds(loop.extent).max, 1, some_times); }
} // namespace

int64_t iterations(std::span<const For* const> loops) {
  int64_t count = 1, guess = 1;
  for (const For* loop : loops)
    if (auto extent = as_int(loop->extent)) count *= *extent;
    else guess = std::max(guess, most_of(*loop));
  return count * guess;
}

Opt<Expr> ask_for(const RegisterTile& tile, const LargePanel& panel, const Ref<Expr>& next, std::span<const For* const> again) {
  Ref<Expr> turn = imm(0), within = imm(0);
  int64_t turns = 1, known = 1;
  for (const For* loop : again) known *= as_int(loop->extent).value_or(1);
  // Loops of unknown length take one turn each time that any of them goes on: whichever is long, all parts are asked for.
  for (size_t i = again.size(); i-- > 0;) {
    auto extent = as_int(again[i]->extent);
    turn = turn + (Ref<Expr>(again[i]->var) - again[i]->begin) * (extent ? turns : known);
    turns *= extent.value_or(1);
  }
  turns = iterations(again);
  for (const auto& axis : tile.reduce)
    if (!is_int(axis->extent, 1)) within = within * axis->extent + axis->var;
  // Each tile asks for `part` elements at each point of the reduction; the last ones again, if that is more than there is.
  int64_t part = (panel.width + turns - 1) / turns, parts = (panel.width + part - 1) / part;
  if (parts < turns || known < turns) turn = min(turn, imm(parts - 1));
  Ref<Expr> index = arith::simplify(next + turn * (part * panel.depth) + within * part);
  return with(ref_to(*panel.load), &Load::index, List<Ref<Expr>>{index});
}

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
#include "passes/panels.h"

#include "ir/visit.h"

#include <algorithm>

namespace tw::passes {

int64_t Panels::rows() const {
  int64_t count = 1;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != dimension) count *= shape[d];
  return count;
}

PanelReads::PanelReads(const Kernel& kernel, const Buffer& buffer) : buffer_(buffer) {
  for (const auto& size : buffer.shape) fits_ = fits_ && as_int(size);
  visit(
      kernel.body.node(),
      [&](const For& f, Walk walk) {
        auto inside = analyzer_.scope();
        analyzer_.bind(f.var, f.begin, f.extent);
        loops_.push_back(&f);
        walk(static_cast<const Node*>(&f));
        loops_.pop_back();
      },
      [&](const RegisterTile& tile, Walk walk) {
        visit(tile.value.node(), [&](const Load& load) {
          if (!load.buffer.same_as(&buffer_)) return;
          ++inside_;
          add(tile, load);
        });
        walk(static_cast<const Node*>(&tile));
      },
      [&](const Load& load, Walk walk) {
        all_ += load.buffer.same_as(&buffer_);
        walk(static_cast<const Node*>(&load));
      });
}

std::optional<Panels> PanelReads::panels(bool in_order) {
  if (!fits_ || reads_.empty() || inside_ != all_) return {};
  Panels out{.shape = {}, .dimension = *dimension_, .width = 0};
  for (const auto& size : buffer_.shape) out.shape.push_back(*as_int(size));
  for (const auto& [load, read] : reads_) out.width = std::max(out.width, read.extent);
  bool last = *dimension_ + 1 == out.shape.size();
  if (((last && out.width == out.columns()) || out.rows() == 1) && !in_order) return {}; // lies like that already
  for (const auto& [load, read] : reads_) {
    bool whole_panel = read.extent == out.width && analyzer_.prove_multiple(read.begin, out.width);
    bool rest = is_int(read.begin, out.whole()) && read.extent == out.columns() - out.whole();
    if (!whole_panel && !rest) return {};
  }
  return out;
}

Opt<Expr> PanelReads::packed(const Load& load, const Panels& panels, const Ref<Buffer>& buffer) {
  auto found = reads_.find(&load);
  if (found == reads_.end()) return {};
  const Read& read = found->second;
  Ref<Expr> row = imm(0);
  for (size_t d = 0; d < panels.shape.size(); ++d)
    if (d != panels.dimension) row = row * panels.shape[d] + load.index[d];
  // A panel begins where those before it end: at its first column times the rows.
  Ref<Expr> index = analyzer_.simplify(place(panels, row, read.begin, read.extent, read.column));
  return make(Load{.buffer = buffer, .index = {index}, .mask = load.mask});
}

void PanelReads::add(const RegisterTile& tile, const Load& load) {
  auto extent = as_int(tile.column->extent);
  std::optional<size_t> along;
  for (size_t d = 0; d < load.index.size(); ++d)
    if (uses(load.index[d].node(), tile.column->var.node())) fits_ = fits_ && !along, along = d;
  fits_ = fits_ && extent && along && !load.mask && (!dimension_ || *dimension_ == *along);
  if (!fits_) return;
  dimension_ = along;
  auto form = arith::affine(load.index[*along], {tile.column->var}, analyzer_);
  fits_ = form && is_int(form->coefficients[0], 1);
  if (!fits_) return;
  reads_.emplace(&load, Read{analyzer_.simplify(form->rest), *extent, tile.column->var});
  auto in_index = [&](const Ref<Var>& v) {
    return std::any_of(load.index.begin(), load.index.end(), [&](const auto& i) { return uses(i.node(), v.node()); });
  };
  int64_t times = 1;
  for (const For* loop : loops_)
    if (!in_index(loop->var)) times *= as_int(loop->extent).value_or(1);
  for (const auto& axis : tile.rows)
    if (!in_index(axis->var)) times *= as_int(axis->extent).value_or(1);
  times_ = std::min(times_, times);
}

} // namespace tw::passes

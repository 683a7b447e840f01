// SPDX-License-Identifier: Apache-2.0
// Large operands that register tiles read in panels without gaps: what makes a difference there is when their bytes come in.
#pragma once

#include "arith/analyzer.h"
#include "ir/nodes/kernel.h"
#include "target/target.h"

#include <span>
#include <vector>

namespace tw::passes {

struct LargePanel {
  const Load* load = nullptr;
  int64_t width = 0, depth = 0; // columns, and points of the reduction: width * depth elements lie side by side
  int64_t elements() const { return width * depth; }
  int64_t bytes() const { return elements() * load->buffer->element.bytes(); }
};

class LargePanels {
public:
  LargePanels(const Kernel& kernel, const Target& target);
  // The panel of an input beyond the nearer caches that the tile reads; one without a load: none.
  LargePanel read_by(const RegisterTile& tile);

private:
  bool is_large(const Buffer& buffer) const;
  int64_t depth(const RegisterTile& tile, const Ref<Expr>& index);

  const Target& target_;
  arith::Analyzer analyzer_;
  std::vector<const Node*> inputs_;
};

// Where the tile's panel begins.
Ref<Expr> panel_start(const RegisterTile& tile, const LargePanel& panel);
// How often loops run their body. Of those whose length only the run knows it is a guess: as often as one of them can, or some times.
int64_t iterations(std::span<const For* const> loops);
// What the tile shall prefetch so that those inside the loops `again`, which all read one panel, together ask for as many elements from
// `next` on, an equal part each.
Opt<Expr> ask_for(const RegisterTile& tile, const LargePanel& panel, const Ref<Expr>& next, std::span<const For* const> again);

} // namespace tw::passes

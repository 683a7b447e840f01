// SPDX-License-Identifier: Apache-2.0
// Which parts of which buffers a statement touches: a box for each buffer, the union of its accesses while the loops inside the statement
// run, in terms of what is outside it. Boxes may be larger than what is touched, never smaller.
#pragma once

#include "arith/analyzer.h"

namespace tw::arith {

// lowest <= e <= highest while v runs over begin <= v < begin + extent, as expressions without v; empty where nothing is known.
struct Span {
  Opt<Expr> lowest, highest;
};
Span span_over(const Ref<Expr>& e, const Ref<Var>& v, const Ref<Expr>& begin, const Ref<Expr>& extent, Analyzer& analyzer);

struct Touched {
  std::vector<Ref<Region>> reads, writes; // one for each buffer, in order of first access
};
// Facts about the loops inside are added to the analyzer. Buffers allocated inside are left out. In a block, iteration variables stand for
// their values; `init` writes too. An access with a mask, or under a condition, counts as if it happened.
Touched touched_by(const Ref<Stmt>& s, Analyzer& analyzer);
// The regions of a block in terms of its own iteration variables.
Touched touched_by_block(const Block& block, Analyzer& analyzer);

Opt<Region> find_region(const std::vector<Ref<Region>>& regions, const Ref<Buffer>& buffer);
// All of a buffer.
Ref<Region> whole(const Ref<Buffer>& buffer);
// The smallest box around both.
Ref<Region> unite(const Ref<Region>& a, const Ref<Region>& b, Analyzer& analyzer);
// The part inside the buffer's shape.
Ref<Region> clip(const Ref<Region>& a, Analyzer& analyzer);
// Is every point of b in a? True only if proven; an empty b may not be recognised.
bool covers(const Ref<Region>& a, const Ref<Region>& b, Analyzer& analyzer);
bool disjoint(const Ref<Region>& a, const Ref<Region>& b, Analyzer& analyzer);

} // namespace tw::arith

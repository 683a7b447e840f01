// SPDX-License-Identifier: Apache-2.0
// Maps between iteration spaces: splits, fusions, permutations and their mixtures. Each result is taken apart into pieces
// `scale * ((source // lower) % extent)`; a map is a bijection if the pieces of each result fit together without gap or overlap, and
// so do the pieces of each source.
//
//   (i, j) -> (i // 4, j, i % 4)       split and reorder
//   (i, j) -> (i * 8 + j)              fuse, for j < 8
//
// Sizes may be symbolic; what cannot be proven is not there.
#pragma once

#include "arith/analyzer.h"

namespace tw::arith {

// 0 <= var < extent
struct Axis {
  Ref<Var> var;
  Ref<Expr> extent;
};

// Do the values take every point of the box 0 <= value[i] < extents[i] exactly once while the axes run? Points where `where` is false do
// not count; the only conditions understood are those that cut a value at its extent (`io * 4 + ii < n`).
bool is_bijection(const std::vector<Axis>& axes, const List<Ref<Expr>>& values, const List<Ref<Expr>>& extents, const Opt<Expr>& where,
                  Analyzer& analyzer);

// Do different points of the axes give different values? Each value may be offset by what is free of the axes.
bool is_injective(const std::vector<Axis>& axes, const List<Ref<Expr>>& values, Analyzer& analyzer);

struct Inverse {
  Ref<Lambda> map;         // from results back to parameters
  List<Ref<Expr>> extents; // of the results
  bool padded = false;     // the results hold more points than the parameters: the inverse leaves the domain at some
};
// `extents` are those of the parameters.
std::optional<Inverse> invert(const Ref<Lambda>& map, const List<Ref<Expr>>& extents, Analyzer& analyzer);

// The results at the given arguments, simplified.
List<Ref<Expr>> apply(const Ref<Lambda>& map, const List<Ref<Expr>>& arguments, Analyzer& analyzer);
// outer after inner.
Ref<Lambda> compose(const Ref<Lambda>& outer, const Ref<Lambda>& inner, Analyzer& analyzer);

} // namespace tw::arith

// SPDX-License-Identifier: Apache-2.0
// Loops of kernels whose nests a rule writes out itself, because their parts do not come from splitting the operator's own loops.
#pragma once

#include "ir/build.h"

#include <functional>

namespace tw::schedule {

using At = std::function<Ref<Stmt>(Ref<Expr> at)>;
using AtWidth = std::function<Ref<Stmt>(Ref<Expr> first, int64_t width)>;

// A serial loop of one iteration is its body.
Ref<Stmt> loop_over(const char* name, const Ref<Expr>& extent, ForKind how, const At& body);
Ref<Stmt> loop_over(const char* name, int64_t extent, ForKind how, const At& body);
// Elements in vectors, what is left over in smaller ones: body(the lane's element).
Ref<Stmt> over_vectors(int64_t count, int64_t lanes, const At& body);
// Whole panels as a loop, what is left of the columns after it.
Ref<Stmt> over_panels(int64_t columns, int64_t width, ForKind how, const AtWidth& body);
// Steps of nearly equal size, the larger ones first.
Ref<Stmt> over_even_steps(const char* name, int64_t extent, int64_t most, const AtWidth& body);

Ref<Stmt> allocate(const Ref<Buffer>& buffer, const Ref<Stmt>& body);
Ref<TileAxis> tile_axis(const Ref<Var>& variable, int64_t extent);

} // namespace tw::schedule

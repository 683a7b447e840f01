// SPDX-License-Identifier: Apache-2.0
// Moving symbolic elements about: what the folds of movement and elementwise operators share. All shapes here are constant.
#pragma once

#include "ops/op.h"

namespace tw::ops {

// At most this many elements are followed symbolically: shapes and indices, not data.
inline constexpr int64_t most_contents = 4096;

std::optional<std::vector<int64_t>> small_shape(const Shape& shape);
// Contents of that shape, each element from a function of its index; empty if the shape is not constant or too large.
using Pick = std::function<Opt<Expr>(const std::vector<int64_t>&)>;
std::optional<Contents> make_contents(const Shape& shape, const Pick& pick);
// The element at an index; broadcasting takes the trailing dimensions, 0 where the size is 1.
Opt<Expr> element_at(const Contents& c, const std::vector<int64_t>& index);
Opt<Expr> broadcast_element(const Contents& c, const std::vector<int64_t>& index);
std::optional<Contents> broadcast_contents(const Contents& a, const Contents& b,
                                           const std::function<Ref<Expr>(const Ref<Expr>&, const Ref<Expr>&)>& formula);

// The contents of a constant, if it is small and of integers or bools.
std::optional<Contents> contents_of(const Constant& constant);
// The contents of a call's results from those of its arguments (null: unknown); empty if not known. Never throws for unknown input.
std::optional<std::vector<Contents>> fold_call(const OpCall& call, const std::vector<const Contents*>& inputs);

} // namespace tw::ops

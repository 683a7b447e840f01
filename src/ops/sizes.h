// SPDX-License-Identifier: Apache-2.0
// Questions about symbolic sizes that type rules and loop builders ask, answered by `arith` with the facts of the variables alone.
#pragma once

#include "ir/build.h"

namespace tw::ops {

bool surely_equal(const Ref<Expr>& a, const Ref<Expr>& b);
bool surely_different(const Ref<Expr>& a, const Ref<Expr>& b);
// a <= b always; a > b always.
bool surely_at_most(const Ref<Expr>& a, const Ref<Expr>& b);
bool surely_greater(const Ref<Expr>& a, const Ref<Expr>& b);
Ref<Expr> simplified(const Ref<Expr>& e);
Shape simplified(const Shape& shape);
inline bool is_one(const Ref<Expr>& e) { return is_int(e, 1); }
// May this extent be zero at run time?
bool may_be_empty(const Ref<Expr>& extent);
// "(2, n, 3)"
std::string to_string(const Shape& shape);
std::string to_string(const Ref<Expr>& size);

} // namespace tw::ops

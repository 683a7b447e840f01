// SPDX-License-Identifier: Apache-2.0
// Which sizes are known before a run: those over the dims of the entry alone, not over what the run computes.
#pragma once

#include "ir/visit.h"

#include <algorithm>

namespace tw {

inline bool is_over(const Ref<Expr>& e, const List<Ref<Var>>& dims) {
  bool all = true;
  visit(e, [&](const Var& v) { all = all && std::any_of(dims.begin(), dims.end(), [&](const Ref<Var>& d) { return d.node() == &v; }); });
  return all;
}

} // namespace tw

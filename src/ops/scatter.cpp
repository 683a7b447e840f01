// SPDX-License-Identifier: Apache-2.0
#include "ops/scatter.h"

namespace tw::ops {

void check_reduction(const Name& reduction, DType type) {
  if (reduction == "none") return;
  if (reduction != "add" && reduction != "mul" && reduction != "max" && reduction != "min")
    throw user_error("reduction must be none, add, mul, max or min, found '{}'", reduction.str());
  if (type.is_bool()) throw user_error("reduction {} needs numbers, found bool", reduction.str());
}

Ref<Expr> combined(const Name& reduction, const Ref<Expr>& old, const Ref<Expr>& update) {
  if (reduction == "none") return update;
  if (reduction == "add") return old + update;
  if (reduction == "mul") return old * update;
  return reduction == "max" ? max(old, update) : min(old, update);
}

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/products.h"

#include "ops/elementwise.h"

namespace tw::ops {

void sum_with_bias(Compute& c, const Shape& extents, const Compute::Fold& fold, size_t channel) {
  DType element = c.input(0).element(), type = computation_type(element);
  if (!c.has(2) && type == element) return c.reduce_output(0, Combine::add, extents, fold);
  Tensor product = c.reduce("product", c.output(0).shape(), type, Combine::add, extents, fold);
  c.output(0, [&](Indices i) {
    Ref<Expr> value = product(i);
    if (c.has(2)) value = value + widen(c.input(2)({i[channel]}));
    return cast(element, value);
  });
}

} // namespace tw::ops

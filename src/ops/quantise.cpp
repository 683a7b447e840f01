// SPDX-License-Identifier: Apache-2.0
#include "ops/quantise.h"

#include "ops/sizes.h"

namespace tw::ops {

void check_scales(TypeContext& c, int64_t axis, int64_t block) {
  if (block < 0) throw user_error("block must not be negative, found {}", block);
  for (size_t k = 1; k < 3; ++k) {
    if (!c.has(k)) continue;
    Shape s = c.shape(k), x = c.shape(0);
    if (s.empty() || (s.size() == 1 && is_one(s[0]) && block == 0)) continue;
    auto at = static_cast<size_t>(TypeContext::normalise_axis(axis, c.rank(0)));
    if (block == 0) {
      if (s.size() != 1) throw user_error("scale and zero point must be scalars or vectors, found rank {}", s.size());
      c.same(x[at], s[0], "the axis of x and the number of scales");
      continue;
    }
    if (s.size() != x.size()) throw user_error("scale and zero point in blocks must have the rank {} of x, found {}", x.size(), s.size());
    for (size_t d = 0; d < s.size(); ++d)
      c.same(d == at ? simplified(ceildiv(x[d], imm(block))) : x[d], s[d], "the blocks of x and the number of scales");
  }
}

Ref<Expr> parameter_at(const Tensor& parameter, const Indices& i, int64_t axis, int64_t block) {
  if (parameter.rank() == 0) return parameter({});
  if (parameter.rank() == 1 && is_one(parameter.size(0)) && block == 0) return parameter({imm(0)});
  auto at = static_cast<size_t>(TypeContext::normalise_axis(axis, static_cast<int64_t>(i.size())));
  if (block == 0) return parameter({i[at]});
  Indices from = i;
  from[at] = floordiv(i[at], block);
  return parameter(from);
}

} // namespace tw::ops

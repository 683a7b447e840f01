// SPDX-License-Identifier: Apache-2.0
// What register tiles replace element by element (ir/overwrites.h) has often left the second-level cache since it was computed: a residual
// waits for a whole block of a network. It comes in pieces of rows, which the processor does not foresee, so each tile asks for what the
// next tile of rows will replace.
//
//   @kernel(overwrites=("r",))                       @kernel(overwrites=("r",), ahead=(0, 0, 14*256, 0))
//   def sum(x: In[…], w: In[…], r: In[…], y: …):     def sum(x: In[…], w: In[…], r: In[…], y: …):
//       … with register_tile():                          … with register_tile():
//             i, j, k = row(14), column(32), …                 i, j, k = row(14), column(32), …
//             y[(p*14 + i)*256 + j] = acc + r[…]               y[(p*14 + i)*256 + j] = acc + r[…]
#include "arith/analyzer.h"
#include "ir/ahead.h"
#include "ir/overwrites.h"
#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

// Elements from one tile of rows to the next; 0: not known.
int64_t elements_to_next_rows(const RegisterTile& tile, const Load& load) {
  if (tile.rows.empty()) return 0;
  const TileAxis& axis = *tile.rows[0];
  arith::Analyzer analyzer;
  auto form = arith::affine(load.index[0], {axis.var}, analyzer);
  auto step = form ? as_int(form->coefficients[0]) : std::nullopt;
  return step.value_or(0) * as_int(axis.extent).value_or(0);
}

int64_t distance_of(const Kernel& kernel, const Buffer& buffer) {
  int64_t distance = 0;
  visit(kernel.body, [&](const RegisterTile& tile) {
    visit(tile.body, [&](const Load& load) {
      if (load.buffer.node() == &buffer) distance = std::max(distance, elements_to_next_rows(tile, load));
    });
  });
  return distance;
}

} // namespace

Ref<Kernel> prefetch_replaced(const Ref<Kernel>& kernel, PassContext& context) {
  std::vector<int64_t> distances;
  bool any = false;
  for (const auto& p : kernel->params) {
    auto count = as_int(arith::simplify(element_count(p->buffer->shape)));
    bool large = count && *count * p->buffer->element.bytes() > context.target.l2_bytes / 2;
    distances.push_back(large && overwrites(*kernel, *p->buffer) ? distance_of(*kernel, *p->buffer) : 0);
    any = any || distances.back() > 0;
  }
  if (!any) return kernel;
  return with(kernel, &Kernel::attrs, with_attribute(kernel->attrs, ahead_attribute, List<int64_t>(std::move(distances))));
}

extern const Pass prefetch_replaced_pass;
const Pass prefetch_replaced_pass = {
    .name = "prefetch_replaced", .doc = "asks for what the next tile of rows will replace", .kernel = prefetch_replaced};

} // namespace tw::passes

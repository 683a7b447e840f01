// SPDX-License-Identifier: Apache-2.0
// Blocks have served their purpose once everything is scheduled: iteration variables become their values, `where` a condition, `init` runs
// where all reduce iterations stand at their first point.
#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

Ref<Stmt> plain(const Block& block, const Ref<Stmt>& body, const Opt<Stmt>& init) {
  Substitution values;
  Ref<Expr> first = imm(1, boolean);
  for (const auto& iter : block.iters) {
    values.emplace(iter->var.node(), iter->value);
    if (iter->how == IterKind::reduce) first = first && eq(iter->value, imm(0, iter->value->dtype));
  }
  Ref<Stmt> out = body;
  if (init) {
    Ref<Stmt> start = as_ref<Stmt>(init);
    out = seq({is_int(first, 1) ? start : Ref<Stmt>(make(If{.cond = first, .then = start})), body});
  }
  if (block.where) out = make(If{.cond = as_ref<Expr>(block.where), .then = out});
  return substitute(out, values);
}

} // namespace

Ref<Kernel> erase_blocks(const Ref<Kernel>& kernel, PassContext&) {
  return rewrite(kernel, [](const Block& block) -> Opt<Stmt> { return plain(block, block.body, block.init); });
}

extern const Pass erase_blocks_pass;
const Pass erase_blocks_pass = {.name = "erase_blocks", .doc = "turns blocks into plain statements", .kernel = erase_blocks};

} // namespace tw::passes

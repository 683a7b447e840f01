// SPDX-License-Identifier: Apache-2.0
//   for i in range(32):                      for i_0 in range(4):
//       C[i] = A[i]           split(i, 8)        for i_1 in range(8):
//                                                    C[i_0 * 8 + i_1] = A[i_0 * 8 + i_1]
#include "schedule/schedule.h"

namespace tw::schedule {

Loops split(Schedule& s, const Ref<Var>& loop, int64_t factor) {
  Ref<For> f = s.loop(loop);
  if (factor < 1) throw schedule_error("split", "loop " + loop->id.str(), fmt::format("the factor is at least 1, found {}", factor));
  if (!is_int(f->begin, 0)) throw schedule_error("split", "loop " + loop->id.str(), "the loop begins at 0");
  arith::Analyzer analyzer;
  if (!analyzer.prove_multiple(f->extent, factor))
    throw schedule_error("split", "loop " + loop->id.str(), fmt::format("{} divides the extent {}", factor, to_text(f->extent)));
  Ref<Var> outer = var(loop->id.str() + "_0"), inner = var(loop->id.str() + "_1");
  Ref<Stmt> body = substitute(f->body, Substitution{{loop.node(), Ref<Expr>(outer) * factor + inner}});
  Ref<Stmt> nest = make(For{.begin = imm(0), .extent = imm(factor), .var = inner, .body = body});
  s.replace(f.node(),
            make(For{.begin = imm(0), .extent = arith::simplify(floordiv(f->extent, factor)), .var = outer, .body = nest, .how = f->how}));
  return {outer, inner};
}

} // namespace tw::schedule

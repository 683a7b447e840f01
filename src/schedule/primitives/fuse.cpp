// SPDX-License-Identifier: Apache-2.0
//   for i in range(4):                          for i_j in range(32):
//       for j in range(8):      fuse(i, j)          C[i_j // 8, i_j % 8] = A[i_j // 8, i_j % 8]
//           C[i, j] = A[i, j]
#include "schedule/schedule.h"

namespace tw::schedule {

Ref<Var> fuse(Schedule& s, const Ref<Var>& outer, const Ref<Var>& inner) {
  Ref<For> o = s.loop(outer), i = s.loop(inner);
  if (!o->body.same_as(i))
    throw schedule_error("fuse", "loop " + inner->id.str(), fmt::format("it stands directly inside loop '{}'", outer->id.str()));
  if (!is_int(o->begin, 0) || !is_int(i->begin, 0)) throw schedule_error("fuse", "loop " + inner->id.str(), "both loops begin at 0");
  if (uses(i->extent.node(), outer.node()))
    throw schedule_error("fuse", "loop " + inner->id.str(), "its extent does not depend on the outer loop");
  Ref<Var> fused = var(outer->id.str() + "_" + inner->id.str());
  Ref<Expr> at = fused;
  Ref<Stmt> body = substitute(i->body, Substitution{{outer.node(), is_int(i->extent, 1) ? at : floordiv(at, i->extent)},
                                                    {inner.node(), is_int(o->extent, 1) ? at : floormod(at, i->extent)}});
  s.replace(o.node(),
            make(For{.begin = imm(0), .extent = arith::simplify(o->extent * i->extent), .var = fused, .body = body, .how = o->how}));
  return fused;
}

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
//   for i in range(n):                          for i in range((n + 7) // 8 * 8):
//       with block("c"):         pad(i, 8)          with block("c"):
//           C[i] = A[i]                                 where(i < n)
//                                                       C[i] = A[i]
#include "ir/visit.h"
#include "schedule/placement.h"

namespace tw::schedule {

void pad(Schedule& s, const Ref<Var>& at, int64_t multiple) {
  Ref<For> loop = s.loop(at);
  auto refuse = [&](const std::string& sentence) { return schedule_error("pad", "loop " + at->id.str(), sentence); };
  if (multiple < 1) throw refuse(fmt::format("the multiple is at least 1, found {}", multiple));
  if (!is_int(loop->begin, 0)) throw refuse("the loop begins at 0");
  arith::Analyzer analyzer;
  if (analyzer.prove_multiple(loop->extent, multiple)) return;
  Ref<Expr> condition = Ref<Expr>(at) < loop->extent;
  int depth = 0;
  bool bare = false;
  Ref<Stmt> body = rewrite(loop->body, [&](const Block& b) -> Opt<Stmt> {
    return with(ref_to(b), &Block::where, Opt<Expr>(b.where ? as_ref<Expr>(b.where) && condition : condition));
  });
  // What stands outside of blocks would run for the added iterations as well.
  visit(
      loop->body, [&](const Block&, Walk) { ++depth; }, [&](const Store&) { bare = true; }, [&](const RegisterTile&) { bare = true; },
      [&](const For& f, Walk walk) {
        bare = bare || uses(f.extent.node(), at.node()) || uses(f.begin.node(), at.node());
        walk(f.body);
      });
  if (bare || depth == 0) throw refuse("everything inside the loop stands in blocks, and no range depends on it");
  s.replace(loop.node(),
            with(with(loop, &For::extent, arith::simplify(ceildiv(loop->extent, imm(multiple)) * multiple)), &For::body, body));
}

} // namespace tw::schedule

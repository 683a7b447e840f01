// SPDX-License-Identifier: Apache-2.0
#include "ir/visit.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void run(Schedule& s, const Ref<Var>& at, int64_t multiple) {
  Ref<For> loop = s.loop(at);
  auto refuse = [&](const std::string& sentence) { return schedule_error("pad", at, sentence); };
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

} // namespace

extern const Primitive pad_primitive = define<run>({
    .name = "pad",
    .doc = "the extent grows to a multiple; the added iterations are cut off by a condition of the blocks",
    .parameters = {"loop", "multiple"},
    .dims = "n=Dim(1, 64)",
    .takes = "A: In[(n,), f32], C: Out[(n,), f32]",
    .before = R"(
for i in range(n):
    with block("c"):
        v = spatial(n, i)
        C[v] = A[v])",
    .call = R"(s.pad("i", 8))",
    .after = R"(
for i in range((n + 7) // 8 * 8):
    with block("c"):
        v = spatial(n, i)
        where(i < n)
        C[v] = A[v])",
    .refused = {{R"(s.pad("i", 0))", "the multiple is at least 1, found 0"}},
});

void pad(Schedule& s, const Ref<Var>& at, int64_t multiple) { return recorded(run, pad_primitive, s, at, multiple); }

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"

#include "ir/visit.h"

namespace tw::schedule {
namespace {

Loops run(Schedule& s, const Ref<Var>& loop, const Ref<Expr>& at) {
  Ref<For> f = s.loop(loop);
  arith::Analyzer analyzer;
  if (!is_int(f->begin, 0)) throw schedule_error("partition", loop, "the loop begins at 0");
  // Extents are never negative. That `at` is made from the extent as a whole must not be lost by simplifying what the extent consists of.
  Ref<Var> extent = make(Var{.id = "extent", .type = i64, .min = 0});
  Ref<Expr> place = rewrite(at, [&](const Expr& e, Rewrite again) -> Opt<Expr> {
    return equal(ref_to<Expr>(e), f->extent) && !as<IntImm>(&e) ? Opt<Expr>(extent) : Opt<Expr>(again(ref_to<Expr>(e)));
  });
  auto lies_within = [&](const Ref<Expr>& begin, const Ref<Expr>& end) {
    return analyzer.prove(begin >= imm(0)) && analyzer.prove(begin <= end);
  };
  if (!lies_within(at, f->extent) && !lies_within(place, extent))
    throw schedule_error("partition", loop, fmt::format("the place {} lies within the extent {}", to_text(at), to_text(f->extent)));
  Ref<Var> rest = var(loop->id.str() + "_rest");
  Ref<Stmt> second = renew(substitute(f->body, Substitution{{loop.node(), at + rest}}));
  second = rewrite(second, [&](const Block& b) -> Opt<Stmt> { return with(ref_to(b), &Block::id, s.unique_block(b.id.str() + "_rest")); });
  Ref<Stmt> first = with(f, &For::extent, arith::simplify(at));
  s.replace(
      f.node(),
      seq({first, make(For{.begin = imm(0), .extent = arith::simplify(f->extent - at), .var = rest, .body = second, .how = f->how})}));
  return {loop, rest};
}

} // namespace

extern const Primitive partition_primitive = define<run>({
    .name = "partition",
    .doc = "one loop becomes two in sequence, [0, at) and [at, extent)",
    .parameters = {"loop", "at"},
    .results = {"first", "rest"},
    .dims = "n=Dim(1, 64)",
    .takes = "A: In[(n,), f32], C: Out[(n,), f32]",
    .before = R"(
for i in range(n):
    with block("c"):
        v = spatial(n, i)
        C[v] = A[v])",
    .call = R"(s.partition("i", "n // 8 * 8"))",
    .after = R"(
for i in range(n // 8 * 8):
    with block("c"):
        v = spatial(n, i)
        C[v] = A[v]
for i_rest in range(n % 8):
    with block("c_rest"):
        v = spatial(n, n // 8 * 8 + i_rest)
        C[v] = A[v])",
    .refused = {{R"(s.partition("i", "n + 1"))", "the place n + 1 lies within the extent n"}},
});

Loops partition(Schedule& s, const Ref<Var>& loop, const Ref<Expr>& at) { return recorded(run, partition_primitive, s, loop, at); }

} // namespace tw::schedule

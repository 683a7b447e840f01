// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Loops run(Schedule& s, const Ref<Var>& loop, int64_t factor) {
  Ref<For> f = s.loop(loop);
  if (factor < 1) throw schedule_error("split", loop, fmt::format("the factor is at least 1, found {}", factor));
  if (!is_int(f->begin, 0)) throw schedule_error("split", loop, "the loop begins at 0");
  arith::Analyzer analyzer;
  if (!analyzer.prove_multiple(f->extent, factor))
    throw schedule_error("split", loop, fmt::format("{} divides the extent {}", factor, to_text(f->extent)));
  Ref<Var> outer = var(loop->id.str() + "_0"), inner = var(loop->id.str() + "_1");
  Ref<Stmt> body = substitute(f->body, Substitution{{loop.node(), Ref<Expr>(outer) * factor + inner}});
  Ref<Stmt> nest = make(For{.begin = imm(0), .extent = imm(factor), .var = inner, .body = body});
  s.replace(f.node(),
            make(For{.begin = imm(0), .extent = arith::simplify(floordiv(f->extent, factor)), .var = outer, .body = nest, .how = f->how}));
  return {outer, inner};
}

} // namespace

extern const Primitive split_primitive = define<run>({
    .name = "split",
    .doc = "one loop becomes a nest of two: extent // factor times factor; the factor divides the extent",
    .parameters = {"loop", "factor"},
    .results = {"outer", "inner"},
    .takes = "A: In[(32,), f32], C: Out[(32,), f32]",
    .before = R"(
for i in range(32):
    with block("c"):
        v = spatial(32, i)
        C[v] = A[v])",
    .call = R"(s.split("i", 8))",
    .after = R"(
for i_0 in range(4):
    for i_1 in range(8):
        with block("c"):
            v = spatial(32, i_0 * 8 + i_1)
            C[v] = A[v])",
    .refused = {{R"(s.split("i", 5))", "5 divides the extent 32"},
                {R"(s.split("i", 0))", "the factor is at least 1, found 0"},
                {R"(s.split("j", 8))", "there is no loop 'j'; there is 'i'"},
                {R"(s.split("i", 8, 8))", "expected 2 (loop, factor), found 3 arguments"},
                {R"(s.split("i", size=8))", "there is no argument 'size'; there is loop, factor"}},
});

Loops split(Schedule& s, const Ref<Var>& loop, int64_t factor) { return recorded(run, split_primitive, s, loop, factor); }

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Ref<Var> run(Schedule& s, const Ref<Var>& outer, const Ref<Var>& inner) {
  Ref<For> o = s.loop(outer), i = s.loop(inner);
  if (!o->body.same_as(i)) throw schedule_error("fuse", inner, fmt::format("it stands directly inside loop '{}'", outer->id.str()));
  if (!is_int(o->begin, 0) || !is_int(i->begin, 0)) throw schedule_error("fuse", inner, "both loops begin at 0");
  if (uses(i->extent.node(), outer.node())) throw schedule_error("fuse", inner, "its extent does not depend on the outer loop");
  Ref<Var> fused = var(outer->id.str() + "_" + inner->id.str());
  Ref<Expr> at = fused;
  Ref<Stmt> body = substitute(i->body, Substitution{{outer.node(), is_int(i->extent, 1) ? at : floordiv(at, i->extent)},
                                                    {inner.node(), is_int(o->extent, 1) ? at : floormod(at, i->extent)}});
  s.replace(o.node(),
            make(For{.begin = imm(0), .extent = arith::simplify(o->extent * i->extent), .var = fused, .body = body, .how = o->how}));
  return fused;
}

} // namespace

extern const Primitive fuse_primitive = define<run>({
    .name = "fuse",
    .doc = "two loops, one directly inside the other, become one",
    .parameters = {"outer", "inner"},
    .results = {"fused"},
    .takes = "A: In[(4, 8), f32], C: Out[(4, 8), f32]",
    .before = R"(
for i in range(4):
    for j in range(8):
        with block("c"):
            x, y = spatial(4, i), spatial(8, j)
            C[x, y] = A[x, y])",
    .call = R"(s.fuse("i", "j"))",
    .after = R"(
for i_j in range(32):
    with block("c"):
        x, y = spatial(4, i_j // 8), spatial(8, i_j % 8)
        C[x, y] = A[x, y])",
    .refused = {{R"(s.fuse("j", "i"))", "it stands directly inside loop 'j'"}},
});

Ref<Var> fuse(Schedule& s, const Ref<Var>& outer, const Ref<Var>& inner) { return recorded(run, fuse_primitive, s, outer, inner); }

} // namespace tw::schedule

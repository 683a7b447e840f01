// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"

#include "ir/visit.h"

namespace tw::schedule {
namespace {

EvenSplit run(Schedule& s, const Ref<Var>& loop, int64_t most) {
  Ref<For> f = s.loop(loop);
  auto extent = as_int(f->extent);
  if (!extent || !is_int(f->begin, 0)) throw schedule_error("split_evenly", loop, "the loop begins at 0 and its extent is constant");
  if (most < 1) throw schedule_error("split_evenly", loop, fmt::format("a step has at least 1 point, found {}", most));
  int64_t steps = std::max<int64_t>((*extent + most - 1) / most, 1), small = *extent / steps, larger = *extent % steps;
  Ref<Var> step = var(loop->id.str() + "_0");
  Loops inner;
  auto variant = [&](int64_t points, const Ref<Expr>& begin, bool again) {
    Ref<Var> point = var(loop->id.str() + "_1");
    Ref<Stmt> body = substitute(f->body, Substitution{{loop.node(), begin + point}});
    if (again) {
      body = renew(body);
      body = rewrite(body, [&](const Block& b) -> Opt<Stmt> { return with(ref_to(b), &Block::id, s.unique_block(b.id.str() + "_even")); });
    }
    inner.push_back(point);
    return make(For{.begin = imm(0), .extent = imm(points), .var = point, .body = body});
  };
  Ref<Expr> at = step;
  Ref<Stmt> body = seq({});
  if (larger == 0) {
    body = variant(small, at * small, false);
  } else {
    Ref<Stmt> first = variant(small + 1, at * (small + 1), false), rest = variant(small, at * small + larger, true);
    body = make(If{.cond = at < imm(larger), .then = first, .otherwise = rest});
  }
  s.replace(f.node(), make(For{.begin = imm(0), .extent = imm(steps), .var = step, .body = body, .how = f->how}));
  return {step, inner};
}

} // namespace

static std::vector<Value> values_of(const EvenSplit& made) {
  std::vector<Value> out{made.step};
  out.insert(out.end(), made.inner.begin(), made.inner.end());
  return out;
}

extern const Primitive split_evenly_primitive = define<run>({
    .name = "split_evenly",
    .doc = "one loop of constant extent becomes steps of at most so many points, of nearly equal size: 13 in steps of at most 8 are 7 + 6, "
           "not 8 + 5",
    .parameters = {"loop", "most"},
    .takes = "A: In[(13,), f32], C: Out[(13,), f32]",
    .before = R"(
for i in range(13):
    with block("c"):
        v = spatial(13, i)
        C[v] = A[v])",
    .call = R"(s.split_evenly("i", 8))",
    .after = R"(
for i_0 in range(2):
    if i_0 < 1:
        for i_1 in range(7):
            with block("c"):
                v = spatial(13, i_0 * 7 + i_1)
                C[v] = A[v]
    else:
        for i_1 in range(6):
            with block("c_even"):
                v = spatial(13, i_0 * 6 + 1 + i_1)
                C[v] = A[v])",
    .refused = {{R"(s.split_evenly("i", 0))", "a step has at least 1 point, found 0"}},
});

EvenSplit split_evenly(Schedule& s, const Ref<Var>& loop, int64_t most) { return recorded(run, split_evenly_primitive, s, loop, most); }

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void run(Schedule& s, const Ref<Var>& loop) { set_kind(s, loop, ForKind::parallel, "parallel"); }

} // namespace

extern const Primitive parallel_primitive = define<run>({
    .name = "parallel",
    .doc = "threads share the iterations",
    .parameters = {"loop"},
    .takes = "A: In[(8, 64), f32], S: Out[(8,), f32]",
    .before = R"(
for i in range(8):
    for k in range(64):
        with block("sum"):
            x, r = spatial(8, i), reduce(64, k)
            with init():
                S[x] = 0.0
            S[x] = S[x] + A[x, r])",
    .call = R"(s.parallel("i"))",
    .after = R"(
for i in parallel(8):
    for k in range(64):
        with block("sum"):
            x, r = spatial(8, i), reduce(64, k)
            with init():
                S[x] = 0.0
            S[x] = S[x] + A[x, r])",
    .refused = {{R"(s.parallel("k"))", "loop 'k' carries no reduction and no order"}},
});

void parallel(Schedule& s, const Ref<Var>& loop) { return recorded(run, parallel_primitive, s, loop); }

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void run(Schedule& s, const Ref<Var>& loop) { set_kind(s, loop, ForKind::unrolled, "unroll"); }

} // namespace

extern const Primitive unroll_primitive = define<run>({
    .name = "unroll",
    .doc = "the body is repeated for each iteration",
    .parameters = {"loop"},
    .takes = "A: In[(4,), f32], C: Out[(4,), f32]",
    .before = R"(
for i in range(4):
    with block("c"):
        v = spatial(4, i)
        C[v] = A[v])",
    .call = R"(s.unroll("i"))",
    .after = R"(
for i in unrolled(4):
    with block("c"):
        v = spatial(4, i)
        C[v] = A[v])",
    .refused = {{"s.unroll()", "expected a loop 'loop'"}},
});

void unroll(Schedule& s, const Ref<Var>& loop) { return recorded(run, unroll_primitive, s, loop); }

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void run(Schedule& s, const Ref<Var>& loop) { set_kind(s, loop, ForKind::vectorised, "vectorise"); }

} // namespace

extern const Primitive vectorise_primitive = define<run>({
    .name = "vectorise",
    .doc = "the iterations become the lanes of vectors",
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
    .call = R"(s.vectorise("i"))",
    .after = R"(
for i in vectorised(8):
    for k in range(64):
        with block("sum"):
            x, r = spatial(8, i), reduce(64, k)
            with init():
                S[x] = 0.0
            S[x] = S[x] + A[x, r])",
    .refused = {{R"(s.vectorise("k"))", "loop 'k' carries no reduction and no order"}},
});

void vectorise(Schedule& s, const Ref<Var>& loop) { return recorded(run, vectorise_primitive, s, loop); }

} // namespace tw::schedule

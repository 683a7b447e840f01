// SPDX-License-Identifier: Apache-2.0
#include "ir/visit.h"
#include "schedule/primitive.h"

#include <unordered_set>

namespace tw::schedule {
namespace {

void run(Schedule& s) {
  std::unordered_set<const Node*> reduces;
  visit(s.kernel()->body, [&](const Iter& iter) {
    if (iter.how != IterKind::spatial) visit(iter.value.node(), [&](const Var& v) { reduces.insert(&v); });
  });
  s.set_body(rewrite(s.kernel()->body, [&](const For& f) -> Opt<Stmt> {
    if (!is_int(f.extent, 1) || f.how != ForKind::serial || reduces.contains(f.var.node())) return {};
    return substitute(f.body, Substitution{{f.var.node(), f.begin}});
  }));
}

} // namespace

extern const Primitive drop_unit_loops_primitive = define<run>({
    .name = "drop_unit_loops",
    .doc = "loops of one iteration that carry no reduction go",
    .parameters = {},
    .takes = "A: In[(32,), f32], C: Out[(32,), f32]",
    .before = R"(
for n in range(1):
    for i in range(32):
        with block("c"):
            v = spatial(32, n * 32 + i)
            C[v] = A[v])",
    .call = "s.drop_unit_loops()",
    .after = R"(
for i in range(32):
    with block("c"):
        v = spatial(32, 0 * 32 + i)
        C[v] = A[v])",
    .refused = {{"s.drop_unit_loops(1)", "drop_unit_loops: expected 0 (), found 1 arguments"}},
});

void drop_unit_loops(Schedule& s) { return recorded(run, drop_unit_loops_primitive, s); }

} // namespace tw::schedule

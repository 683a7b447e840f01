// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void run(Schedule& s, const Loops& order) {
  if (order.size() < 2) return;
  auto position = [&](const Node* v) {
    for (size_t i = 0; i < order.size(); ++i)
      if (order[i].same_as(v)) return static_cast<int>(i);
    return -1;
  };
  // From the outermost of them down, a perfect nest, until all are found.
  Ref<For> top = s.loop(order[0]);
  size_t shallowest = s.path(top.node()).size();
  for (const auto& v : order)
    if (size_t depth = s.path(s.loop(v).node()).size(); depth < shallowest) {
      shallowest = depth;
      top = s.loop(v);
    }
  std::vector<Ref<For>> nest;
  size_t found = 0;
  for (Ref<Stmt> at = top; found < order.size();) {
    const auto* f = as<For>(at);
    if (!f) throw schedule_error("reorder", nest.back()->var, "the loops form one perfect nest");
    nest.push_back(ref_to(*f));
    found += position(f->var.node()) >= 0;
    at = f->body;
  }
  for (const auto& f : nest)
    for (const auto& other : nest)
      if (uses(f->extent.node(), other->var.node()) || uses(f->begin.node(), other->var.node()))
        throw schedule_error("reorder", f->var, fmt::format("its range does not depend on loop '{}'", other->var->id.str()));
  // Loops that are not named keep their place; the named ones fill the others in order.
  std::vector<Ref<For>> arranged;
  size_t next = 0;
  for (const auto& f : nest) arranged.push_back(position(f->var.node()) >= 0 ? s.loop(order[next++]) : f);
  Ref<Stmt> body = nest.back()->body;
  for (size_t i = arranged.size(); i-- > 0;) body = with(arranged[i], &For::body, body);
  s.replace(top.node(), body);
}

} // namespace

extern const Primitive reorder_primitive = define<run>({
    .name = "reorder",
    .doc = "loops of one perfect nest take the given order; loops that are not named keep their place",
    .parameters = {"loops"},
    .takes = "A: In[(4, 8), f32], C: Out[(4, 8), f32]",
    .before = R"(
for i in range(4):
    for j in range(8):
        with block("c"):
            x, y = spatial(4, i), spatial(8, j)
            C[x, y] = A[x, y])",
    .call = R"(s.reorder(["j", "i"]))",
    .after = R"(
for j in range(8):
    for i in range(4):
        with block("c"):
            x, y = spatial(4, i), spatial(8, j)
            C[x, y] = A[x, y])",
    .refused = {{R"(s.reorder("i"))", R"(reorder: loops: expected a list of loops, found "i")"}},
});

void reorder(Schedule& s, const Loops& order) { return recorded(run, reorder_primitive, s, order); }

} // namespace tw::schedule

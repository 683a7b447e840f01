// SPDX-License-Identifier: Apache-2.0
//   for i in range(4):                              for j in range(8):
//       for j in range(8):     reorder([j, i])          for i in range(4):
//           C[i, j] = A[i, j]                               C[i, j] = A[i, j]
#include "schedule/schedule.h"

namespace tw::schedule {

void reorder(Schedule& s, const Loops& order) {
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
    if (!f) throw schedule_error("reorder", "loop " + nest.back()->var->id.str(), "the loops form one perfect nest");
    nest.push_back(ref_to(*f));
    found += position(f->var.node()) >= 0;
    at = f->body;
  }
  for (const auto& f : nest)
    for (const auto& other : nest)
      if (uses(f->extent.node(), other->var.node()) || uses(f->begin.node(), other->var.node()))
        throw schedule_error("reorder", "loop " + f->var->id.str(),
                             fmt::format("its range does not depend on loop '{}'", other->var->id.str()));
  // Loops that are not named keep their place; the named ones fill the others in order.
  std::vector<Ref<For>> arranged;
  size_t next = 0;
  for (const auto& f : nest) arranged.push_back(position(f->var.node()) >= 0 ? s.loop(order[next++]) : f);
  Ref<Stmt> body = nest.back()->body;
  for (size_t i = arranged.size(); i-- > 0;) body = with(arranged[i], &For::body, body);
  s.replace(top.node(), body);
}

} // namespace tw::schedule

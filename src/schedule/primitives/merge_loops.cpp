// SPDX-License-Identifier: Apache-2.0
//   for i in range(8):                                   for i in range(8):
//       with block("t"): T[i] = A[i] * 2.0                   with block("t"): T[i] = A[i] * 2.0
//   for j in range(8):             merge_loops(i, j)         with block("c"): C[i] = T[i] + 1.0
//       with block("c"): C[j] = T[j] + 1.0
#include "schedule/schedule.h"

#include "ir/visit.h"

namespace tw::schedule {
namespace {

// In every access to the buffer below n, is the index of some one dimension exactly v (through the block's iterations)?
bool indexed_by(const Ref<Stmt>& n, const Node* buffer, const Ref<Var>& v, std::vector<bool>& dimensions) {
  bool any = false;
  auto check = [&](const List<Ref<Expr>>& index, const Substitution& values) {
    any = true;
    for (size_t d = 0; d < index.size(); ++d)
      if (d < dimensions.size() && !substitute(index[d], values).same_as(v)) dimensions[d] = false;
  };
  visit(n, [&](const Block& b) {
    Substitution values;
    for (const auto& iter : b.iters) values.emplace(iter->var.node(), iter->value);
    auto inside = [&](const Node* part) {
      visit(
          part,
          [&](const Load& l) {
            if (l.buffer.same_as(buffer)) check(l.index, values);
          },
          [&](const Store& st, Walk walk) {
            if (st.buffer.same_as(buffer)) check(st.index, values);
            walk(static_cast<const Node*>(&st));
          });
    };
    inside(b.body.node());
    if (b.init) inside(b.init.node());
  });
  return any;
}

} // namespace

void merge_loops(Schedule& s, const Ref<Var>& first, const Ref<Var>& second) {
  Ref<For> a = s.loop(first), b = s.loop(second);
  auto refuse = [&](const std::string& sentence) { return schedule_error("merge_loops", "loop " + second->id.str(), sentence); };
  if (!arith::prove_equal(a->extent, b->extent) || !arith::prove_equal(a->begin, b->begin)) throw refuse("both loops have the same range");
  auto pa = s.path(a.node()), pb = s.path(b.node());
  const auto* parent = pa.size() >= 2 ? as<Seq>(pa[pa.size() - 2]) : nullptr;
  if (!parent || pb.size() != pa.size() || pb[pb.size() - 2] != pa[pa.size() - 2]) throw refuse("the loops are neighbours in one sequence");
  size_t i = 0;
  while (!parent->body[i].same_as(a)) ++i;
  if (i + 1 >= parent->body.size() || !parent->body[i + 1].same_as(b)) throw refuse("the second loop follows the first directly");
  Ref<Stmt> inside = substitute(b->body, Substitution{{second.node(), first}});
  // Every buffer that the first writes and the second touches must be indexed by the loop in one and the same dimension on both sides.
  std::vector<Ref<Buffer>> written;
  visit(a->body, [&](const Store& st) { written.push_back(st.buffer); });
  for (const auto& buffer : written) {
    std::vector<bool> dimensions(buffer->shape.size(), true);
    indexed_by(a->body, buffer.node(), first, dimensions);
    if (!indexed_by(inside, buffer.node(), first, dimensions)) continue;
    if (std::find(dimensions.begin(), dimensions.end(), true) == dimensions.end() && !is_int(a->extent, 1))
      throw refuse(fmt::format("each iteration reads of '{}' only what the same iteration has written", buffer->id.str()));
  }
  s.replace(b.node(), {});
  Ref<For> now = s.loop(first);
  s.replace(now.node(), with(now, &For::body, seq({now->body, inside})));
}

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
//   for i in range(8):                                   for i in range(8):
//       with block("t"): T[i] = A[i] * 2.0                   with block("t"): T[i] = A[i] * 2.0
//   for j in range(8):             merge_loops(i, j)         with block("c"): C[i] = T[i] + 1.0
//       with block("c"): C[j] = T[j] + 1.0
#include "schedule/schedule.h"

#include "arith/analyzer.h"
#include "ir/visit.h"

namespace tw::schedule {
namespace {

// By dimension of a buffer: how far apart the parts of neighbouring iterations are (1: the index is the loop's variable); 0: not yet known;
// none: its accesses are no such parts.
constexpr int64_t none = -1;

// Each iteration of v has a part of its own in a dimension if every index there is v * step + (0 … step - 1).
bool find_parts(const Ref<Stmt>& n, const Node* buffer, const Ref<Var>& v, std::vector<int64_t>& steps) {
  bool any = false;
  arith::Analyzer analyzer;
  auto step_of = [&](const Ref<Expr>& index) -> int64_t {
    if (index.same_as(v)) return 1;
    auto form = arith::affine(index, {v}, analyzer);
    auto step = form ? as_int(form->coefficients[0]) : std::nullopt;
    if (!step || *step < 1) return none;
    auto rest = analyzer.bounds(form->rest);
    return rest.min >= 0 && rest.max < *step ? *step : none;
  };
  auto check = [&](const List<Ref<Expr>>& index, const Substitution& values) {
    any = true;
    for (size_t d = 0; d < index.size(); ++d) {
      int64_t step = step_of(substitute(index[d], values));
      steps[d] = steps[d] == 0 || steps[d] == step ? step : none;
    }
  };
  visit(
      n,
      [&](const For& f, Walk walk) {
        analyzer.bind(f.var, f.begin, f.extent);
        walk(static_cast<const Node*>(&f));
      },
      [&](const Block& b) {
        Substitution values;
        for (const auto& iter : b.iters) values.emplace(iter->var.node(), iter->value);
        auto inside = [&](const Node* part) {
          visit(
              part,
              [&](const Load& l, Walk walk) {
                if (l.buffer.same_as(buffer)) check(l.index, values);
                walk(static_cast<const Node*>(&l));
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
  // Every buffer that the first writes and the second touches must be parted between the iterations in one and the same dimension.
  std::vector<Ref<Buffer>> written;
  visit(a->body, [&](const Store& st, Walk walk) {
    written.push_back(st.buffer);
    walk(static_cast<const Node*>(&st));
  });
  for (const auto& buffer : written) {
    std::vector<int64_t> steps(buffer->shape.size(), 0);
    find_parts(a->body, buffer.node(), first, steps);
    if (!find_parts(inside, buffer.node(), first, steps)) continue;
    bool parted = std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step > 0; });
    if (!parted && !is_int(a->extent, 1))
      throw refuse(fmt::format("each iteration reads of '{}' only what the same iteration has written", buffer->id.str()));
  }
  s.replace(b.node(), {});
  Ref<For> now = s.loop(first);
  s.replace(now.node(), with(now, &For::body, seq({now->body, inside})));
}

} // namespace tw::schedule

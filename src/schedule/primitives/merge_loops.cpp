// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

#include "arith/analyzer.h"
#include "ir/visit.h"

namespace tw::schedule {
namespace {

// By dimension of a buffer: how far apart the parts of neighbouring iterations are (1: the index is the loop's variable) and where the
// first one begins, which is the same throughout; 0: not yet known; none: its accesses are no such parts.
constexpr int64_t none = -1;
struct Part {
  int64_t step = 0;
  Ref<Expr> begin = imm(0);
};

// Each iteration of v has a part of its own in a dimension if every index there is begin + v * step + (0 … step - 1), where begin speaks of
// nothing but the loops around.
bool find_parts(const Ref<Stmt>& n, const Node* buffer, const For& loop, const std::vector<Ref<For>>& around, std::vector<Part>& parts) {
  bool any = false;
  const Ref<Var>& v = loop.var;
  arith::Analyzer analyzer;
  bind_loops(analyzer, around);
  analyzer.bind(v, loop.begin, loop.extent);
  Substitution inside;
  auto speaks_of_around = [&](const Ref<Expr>& e) {
    bool fine = true;
    visit(
        e.node(), [&](const Load&) { fine = false; },
        [&](const Var& x) {
          fine = fine && std::any_of(around.begin(), around.end(), [&](const Ref<For>& f) { return f->var.node() == &x; });
        });
    return fine;
  };
  auto part_of = [&](const Ref<Expr>& index) -> Part {
    if (index.same_as(v)) return {1};
    auto form = arith::affine(index, {v}, analyzer);
    auto step = form ? as_int(form->coefficients[0]) : std::nullopt;
    if (!step || *step < 1) return {none};
    Ref<Expr> begin = arith::simplify(substitute(form->rest, inside));
    if (!speaks_of_around(begin)) return {none};
    auto rest = analyzer.bounds(arith::simplify(form->rest - begin));
    return rest.min >= 0 && rest.max < *step ? Part{*step, begin} : Part{none};
  };
  auto check = [&](const List<Ref<Expr>>& index, const Substitution& values) {
    any = true;
    for (size_t d = 0; d < index.size(); ++d) {
      Part part = part_of(substitute(index[d], values));
      bool same = parts[d].step == 0 || (parts[d].step == part.step && arith::prove_equal(parts[d].begin, part.begin));
      parts[d] = same ? part : Part{none};
    }
  };
  visit(
      n,
      [&](const For& f, Walk walk) {
        analyzer.bind(f.var, f.begin, f.extent);
        inside.emplace(f.var.node(), imm(0));
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

void run(Schedule& s, const Ref<Var>& first, const Ref<Var>& second) {
  Ref<For> a = s.loop(first), b = s.loop(second);
  auto refuse = [&](const std::string& sentence) { return schedule_error("merge_loops", second, sentence); };
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
  auto around = loops_around(s, a.node());
  around.pop_back();
  for (const auto& buffer : written) {
    std::vector<Part> parts(buffer->shape.size());
    find_parts(a->body, buffer.node(), *a, around, parts);
    if (!find_parts(inside, buffer.node(), *a, around, parts)) continue;
    bool parted = std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.step > 0; });
    if (!parted && !is_int(a->extent, 1))
      throw refuse(fmt::format("each iteration reads of '{}' only what the same iteration has written", buffer->id.str()));
  }
  s.replace(b.node(), {});
  Ref<For> now = s.loop(first);
  s.replace(now.node(), with(now, &For::body, seq({now->body, inside})));
}

} // namespace

extern const Primitive merge_loops_primitive = define<run>({
    .name = "merge_loops",
    .doc = "two neighbouring nests become one: the body of the second loop runs inside the first; an iteration of the second may read only "
           "what the same iteration of the first has written",
    .parameters = {"first", "second"},
    .takes = "A: In[(8,), f32], C: Out[(8,), f32]",
    .before = R"(
T = allocate((8,), f32)
for i in range(8):
    with block("t"):
        v = spatial(8, i)
        T[v] = A[v] * 2.0
for j in range(8):
    with block("c"):
        v = spatial(8, j)
        C[v] = T[v] + 1.0)",
    .call = R"(s.merge_loops("i", "j"))",
    .after = R"(
T = allocate((8,), f32)
for i in range(8):
    with block("t"):
        v = spatial(8, i)
        T[v] = A[v] * 2.0
    with block("c"):
        v = spatial(8, i)
        C[v] = T[v] + 1.0)",
    .refused = {{R"(s.merge_loops("j", "i"))", "the second loop follows the first directly"}},
});

void merge_loops(Schedule& s, const Ref<Var>& first, const Ref<Var>& second) {
  return recorded(run, merge_loops_primitive, s, first, second);
}

} // namespace tw::schedule

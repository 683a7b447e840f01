// SPDX-License-Identifier: Apache-2.0
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Ref<Buffer> run(Schedule& s, const Ref<Buffer>& buffer, const Ref<Var>& at) {
  auto refuse = [&](const std::string& sentence) { return schedule_error("narrow", buffer, sentence); };
  if (s.is_parameter(*buffer)) throw refuse("it is not a parameter of the kernel");
  if (!buffer->strides.empty()) throw refuse("it is dense");
  Ref<For> loop = s.loop(at);
  auto count = [&](const Node* n) {
    int uses = 0;
    visit(
        n, [&](const Load& l) { uses += l.buffer.same_as(buffer); },
        [&](const Store& x, Walk walk) {
          uses += x.buffer.same_as(buffer);
          walk(static_cast<const Node*>(&x));
        });
    return uses;
  };
  if (count(loop.node()) != count(s.kernel()->body.node())) throw refuse(fmt::format("it is used inside loop '{}' only", at->id.str()));
  arith::Analyzer analyzer;
  bind_loops(analyzer, loops_around(s, loop.node()));
  auto touched = arith::touched_by(loop->body, analyzer);
  auto reads = arith::find_region(touched.reads, buffer), writes = arith::find_region(touched.writes, buffer);
  if (!writes) throw refuse("something writes it");
  if (reads && !arith::covers(as_ref<Region>(writes), as_ref<Region>(reads), analyzer))
    throw refuse("an iteration reads only what it has written itself");
  bool first_writes = false, seen = false;
  visit(loop->body, [&](const Block& b) {
    if (seen || (!loads_from(&b, buffer.node()) && !stores_to(&b, buffer.node()))) return;
    seen = true;
    first_writes = stores_to(&b, buffer.node()) && (b.init || !loads_from(&b, buffer.node()));
  });
  if (!first_writes) throw refuse("an iteration writes it before reading it");
  std::vector<Ref<Expr>> shape;
  for (size_t d = 0; d < buffer->shape.size(); ++d) {
    int64_t most = std::min(analyzer.bounds(writes->extent[d]).max, analyzer.bounds(buffer->shape[d]).max);
    shape.push_back(most == unbounded ? writes->extent[d] : imm(most));
  }
  Ref<Buffer> small = make(Buffer{.id = buffer->id, .shape = shape, .element = buffer->element, .scope = buffer->scope});
  auto moved = [&](const List<Ref<Expr>>& index) {
    std::vector<Ref<Expr>> out;
    for (size_t d = 0; d < index.size(); ++d) out.push_back(analyzer.simplify(index[d] - writes->begin[d]));
    return List<Ref<Expr>>(std::move(out));
  };
  // The begin is in terms of the loops outside; indices of blocks are in terms of their iterations, which stand for values of the loops.
  Ref<Stmt> body = rewrite(
      loop->body,
      [&](const Load& l) -> Opt<Expr> {
        return l.buffer.same_as(buffer) ? Opt<Expr>(make(Load{.buffer = small, .index = moved(l.index), .mask = l.mask})) : Opt<Expr>();
      },
      [&](const Store& x) -> Opt<Stmt> {
        if (!x.buffer.same_as(buffer)) return {};
        return make(Store{.buffer = small, .index = moved(x.index), .value = x.value, .mask = x.mask});
      });
  s.replace(loop.node(), with(loop, &For::body, Ref<Stmt>(make(Allocate{.buffer = small, .body = forget_regions(body)}))));
  s.set_body(without_allocation(s.kernel()->body, buffer.node()));
  return small;
}

} // namespace

extern const Primitive narrow_primitive = define<run>({
    .name = "narrow",
    .doc = "what one iteration of the loop needs of the buffer is allocated inside the loop, no larger than that",
    .parameters = {"buffer", "loop"},
    .results = {"small"},
    .takes = "A: In[(64,), f32], C: Out[(64,), f32]",
    .before = R"(
T = allocate((64,), f32)
for i in range(4):
    for j in range(16):
        with block("t"):
            v = spatial(64, i * 16 + j)
            T[v] = A[v] * 2.0
    for j in range(16):
        with block("c"):
            v = spatial(64, i * 16 + j)
            C[v] = T[v] + 1.0)",
    .call = R"(s.narrow("T", "i"))",
    .after = R"(
for i in range(4):
    T = allocate((16,), f32)
    for j in range(16):
        with block("t"):
            v = spatial(64, i * 16 + j)
            T[v - i * 16] = A[v] * 2.0
    for j in range(16):
        with block("c"):
            v = spatial(64, i * 16 + j)
            C[v] = T[v - i * 16] + 1.0)",
    .refused = {{R"(s.narrow("A", "i"))", "it is not a parameter of the kernel"}, {R"(s.narrow("T", "j"))", "there are 2 loops 'j'"}},
});

Ref<Buffer> narrow(Schedule& s, const Ref<Buffer>& buffer, const Ref<Var>& at) { return recorded(run, narrow_primitive, s, buffer, at); }

} // namespace tw::schedule

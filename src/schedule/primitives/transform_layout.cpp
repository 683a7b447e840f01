// SPDX-License-Identifier: Apache-2.0
#include "arith/iter_map.h"
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Ref<Buffer> run(Schedule& s, const Ref<Buffer>& buffer, const Ref<Lambda>& map) {
  auto refuse = [&](const std::string& sentence) { return schedule_error("transform_layout", buffer, sentence); };
  if (s.is_parameter(*buffer)) throw refuse("it is not a parameter of the kernel: those who pass it would have to agree");
  if (!buffer->strides.empty()) throw refuse("it is dense");
  if (map->params.size() != buffer->shape.size())
    throw refuse(fmt::format("the map takes {} indices, found {}", buffer->shape.size(), map->params.size()));
  arith::Analyzer analyzer;
  auto inverse = arith::invert(map, buffer->shape, analyzer);
  if (!inverse) throw refuse("different elements go to different places: the map is made of splits, fusions and permutations");
  Ref<Buffer> moved = make(Buffer{.id = buffer->id, .shape = inverse->extents, .element = buffer->element, .scope = buffer->scope});
  arith::Analyzer indices;
  visit(s.kernel()->body, [&](const Block& b) {
    for (const auto& iter : b.iters) indices.bind(iter->var, imm(0), iter->extent);
  });
  Ref<Stmt> body = rewrite(
      s.kernel()->body,
      [&](const Load& l) -> Opt<Expr> {
        if (!l.buffer.same_as(buffer)) return {};
        return make(Load{.buffer = moved, .index = arith::apply(map, l.index, indices), .mask = l.mask});
      },
      [&](const Store& x) -> Opt<Stmt> {
        if (!x.buffer.same_as(buffer)) return {};
        return make(Store{.buffer = moved, .index = arith::apply(map, x.index, indices), .value = x.value, .mask = x.mask});
      },
      [&](const Allocate& a) -> Opt<Stmt> {
        return a.buffer.same_as(buffer) ? Opt<Stmt>(with(ref_to(a), &Allocate::buffer, moved)) : Opt<Stmt>();
      });
  s.set_body(forget_regions(body));
  return moved;
}

} // namespace

extern const Primitive transform_layout_primitive = define<run>({
    .name = "transform_layout",
    .doc = "element x of the buffer moves to map(x); the map is a bijection made of splits, fusions and permutations, up to padding",
    .parameters = {"buffer", "map"},
    .results = {"moved"},
    .takes = "A: In[(8, 64), f32], C: Out[(8, 64), f32]",
    .before = R"(
T = allocate((8, 64), f32)
for i in range(8):
    for j in range(64):
        with block("t"):
            x, y = spatial(8, i), spatial(64, j)
            T[x, y] = A[x, y] * 2.0
for i in range(8):
    for j in range(64):
        with block("c"):
            x, y = spatial(8, i), spatial(64, j)
            C[x, y] = T[x, y] + 1.0)",
    .call = "s.transform_layout('T', 'lambda a, b: (b // 16, a, b % 16)')",
    .after = R"(
T = allocate((4, 8, 16), f32)
for i in range(8):
    for j in range(64):
        with block("t"):
            x, y = spatial(8, i), spatial(64, j)
            T[y // 16, x, y % 16] = A[x, y] * 2.0
for i in range(8):
    for j in range(64):
        with block("c"):
            x, y = spatial(8, i), spatial(64, j)
            C[x, y] = T[y // 16, x, y % 16] + 1.0)",
    .refused = {{"s.transform_layout('T', 'lambda a: a')", "the map takes 2 indices, found 1"},
                {"s.transform_layout('T', 'lambda a, b: (a, b // 2)')",
                 "different elements go to different places: the map is made of splits, fusions and permutations"}},
});

Ref<Buffer> transform_layout(Schedule& s, const Ref<Buffer>& buffer, const Ref<Lambda>& map) {
  return recorded(run, transform_layout_primitive, s, buffer, map);
}

} // namespace tw::schedule

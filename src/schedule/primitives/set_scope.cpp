// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"
namespace tw::schedule {
namespace {

Ref<Buffer> run(Schedule& s, const Ref<Buffer>& buffer, MemoryScope memory) {
  const Name scope = memory.name;
  auto refuse = [&](const std::string& sentence) { return schedule_error("set_scope", buffer, sentence); };
  if (s.is_parameter(*buffer)) throw refuse("it is not a parameter of the kernel");
  if (!(scope == "global" || scope == "local" || scope == "scratch"))
    throw refuse(fmt::format("the scope is global, local or scratch, found '{}'", scope.str()));
  if (buffer->scope == scope) return buffer;
  Ref<Buffer> moved = with(buffer, &Buffer::scope, scope);
  s.set_body(substitute(s.kernel()->body, Substitution{{buffer.node(), moved}}));
  return moved;
}

} // namespace

extern const Primitive set_scope_primitive = define<run>({
    .name = "set_scope",
    .doc = "the buffer is in another memory: global, local (one thread, small), scratch (one thread)",
    .parameters = {"buffer", "scope"},
    .results = {"moved"},
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
    .call = R"(s.set_scope("T", "scratch"))",
    .after = R"(
T = allocate((8,), f32, scope="scratch")
for i in range(8):
    with block("t"):
        v = spatial(8, i)
        T[v] = A[v] * 2.0
for j in range(8):
    with block("c"):
        v = spatial(8, j)
        C[v] = T[v] + 1.0)",
    .refused = {{R"(s.set_scope("A", "local"))", "it is not a parameter of the kernel"},
                {R"(s.set_scope("T", "shared"))", "the scope is global, local or scratch, found 'shared'"}},
});

Ref<Buffer> set_scope(Schedule& s, const Ref<Buffer>& buffer, MemoryScope memory) {
  return recorded(run, set_scope_primitive, s, buffer, memory);
}

} // namespace tw::schedule

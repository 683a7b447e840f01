// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"
#include <algorithm>

namespace tw::schedule {
namespace {

void run(Schedule& s, Name id, const std::string& name, const Attr::Value& value) {
  Ref<Attr> hint = make(Attr{.name = name, .value = value});
  Ref<Block> block = s.block(id);
  std::vector<Ref<Attr>> hints;
  for (const auto& old : block->hints)
    if (old->name != hint->name) hints.push_back(old);
  hints.push_back(hint);
  std::sort(hints.begin(), hints.end(), [](const Ref<Attr>& a, const Ref<Attr>& b) { return a->name < b->name; });
  s.replace(block.node(), with(block, &Block::hints, List<Ref<Attr>>(hints)));
}

} // namespace

extern const Primitive annotate_primitive = define<run>({
    .name = "annotate",
    .doc = "sets a hint of the block, a number, bool or string by name",
    .parameters = {"block", "name", "value"},
    .takes = "A: In[(32,), f32], C: Out[(32,), f32]",
    .before = R"(
for i in range(32):
    with block("c"):
        v = spatial(32, i)
        C[v] = A[v])",
    .call = R"(s.annotate("c", "limit", 4))",
    .after = R"(
for i in range(32):
    with block("c"):
        v = spatial(32, i)
        hints(limit=4)
        C[v] = A[v])",
    .refused = {{R"(s.annotate("d", "limit", 4))", "there is no block 'd'; there is 'c'"},
                {R"(s.annotate("c", 4, 4))", "annotate: name: expected a string, found 4"}},
});

void annotate(Schedule& s, Name id, const std::string& name, const Attr::Value& value) {
  return recorded(run, annotate_primitive, s, id, name, value);
}

} // namespace tw::schedule

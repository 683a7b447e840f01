# SPDX-License-Identifier: Apache-2.0
"""What a newcomer might add, one of each kind: new files, and insertions into existing ones (file, the line before which it goes, text)."""
from dataclasses import dataclass, field

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


@dataclass
class Toy:
    kind: str
    files: dict[str, str]
    insertions: list[tuple[str, str, str]] = field(default_factory=list)
    allowed: tuple[str, ...] = ()  # the existing files that docs/design.md lets this kind touch


OPERATOR = Toy("operator", {"src/ops/elementwise/toy_thrice.cpp": SPDX + """#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef toy_thrice =
    define(map_one("x + x + x", "number", [](const E& x) { return x + x + x; }, {"toy_thrice([1.0, -2.0]) == [3.0, -6.0]"}));

} // namespace tw::ops
"""})

PASS = Toy("pass", {"src/passes/graph/toy_unfold.cpp": SPDX + """// toy_thrice(x) becomes (x + x) + x.
#include "passes/graph_rewriter.h"

namespace tw::passes {
namespace {
Ref<Module> toy_unfold(const Ref<Module>& module, PassContext&) {
  return rewrite_calls(module, [](GraphRewriter& graph, const OpCall& call) -> Replacement {
    if (call.op != "toy_thrice") return {};
    return Operands{graph.call("add", {graph.call("add", {call.args[0], call.args[0]}), call.args[0]})};
  });
}
} // namespace

extern const Pass toy_unfold_pass = {.name = "toy_unfold", .doc = "writes toy_thrice as sums", .graph = toy_unfold};

} // namespace tw::passes
"""})

DEVICE = Toy("device", {"runtime/devices/toy/toy.cpp": SPDX + """#include "runtime/devices/device.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tw::devices {
namespace {
int count() { return 1; }
void* allocate(int, size_t bytes) {
  const size_t blocks = bytes / alignment + 1;
  return blocks > SIZE_MAX / alignment ? nullptr : std::aligned_alloc(alignment, blocks * alignment);
}
void release(int, void* memory, size_t) { std::free(memory); }
int copy(int, void* to, const void* from, size_t bytes, Direction) {
  if (bytes != 0) std::memmove(to, from, bytes);
  return 0;
}
int synchronise(int) { return 0; }
} // namespace

extern const Device toy;
const Device toy = {"toy", count, allocate, release, copy, synchronise};

} // namespace tw::devices
"""})

PRIMITIVE = Toy("primitive", {"src/schedule/primitives/toy_backwards.cpp": SPDX + """#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void toy_backwards(Schedule& s, const Ref<Var>& loop) {
  Ref<For> f = s.loop(loop);
  auto extent = as_int(f->extent);
  if (!extent) throw schedule_error("toy_backwards", loop, "its extent is constant");
  s.replace(f.node(), with(f, &For::body, substitute(f->body, Substitution{{loop.node(), imm(*extent - 1) - loop}})));
}

} // namespace

extern const Primitive toy_backwards_primitive = define<toy_backwards>({
    .name = "toy_backwards",
    .doc = "the iterations run from the last to the first",
    .parameters = {"loop"},
    .takes = "A: In[(8,), f32], C: Out[(8,), f32]",
    .before = R"(
for i in range(8):
    with block("c"):
        v = spatial(8, i)
        C[v] = A[v])",
    .call = R"(s.toy_backwards("i"))",
    .after = R"(
for i in range(8):
    with block("c"):
        v = spatial(8, 7 - i)
        C[v] = A[v])",
    .refused = {{R"(s.toy_backwards("j"))", "there is no loop 'j'; there is 'i'"}},
});

} // namespace tw::schedule
"""})

NODE = Toy("node", {}, [
    ("src/ir/nodes/kernel.h", "enum class Access { in, out, inout };", """// A statement that says something to whoever profiles.
struct ToyNote : Stmt {
  Name text;
  int64_t level = 0;
  static constexpr const char* kind_name = "ToyNote";
  static constexpr auto fields = std::tuple{field("text", &ToyNote::text), field("level", &ToyNote::level, defaulted)};
};

"""),
    ("src/ir/node_list.h", "             For, Iter, Region,", "             ToyNote,\n"),
], ("src/ir/nodes/kernel.h", "src/ir/node_list.h"))

TOYS = (OPERATOR, PASS, DEVICE, PRIMITIVE, NODE)

# Uses of them, from text and Python.
USE_IN_PYTHON = """
import numpy
import tensorwright as tw

x = numpy.array([1.0, -2.0], numpy.float32)
assert tw.ops.toy_thrice(x).tolist() == [3.0, -6.0]
module = tw.parse('''
# tensorwright 1
from __future__ import annotations

@function(exported=True)
def main(x: Tensor[(2,), f32]) -> Tensor[(2,), f32]:
    y: Tensor[(2,), f32] = toy_thrice(x)
    return y
''')
assert module == tw.parse(str(module)) and "toy_thrice(x)" in str(module)
unfolded = tw.passes.toy_unfold(module)
assert "toy_thrice" not in str(unfolded) and "add(" in str(unfolded)
for made in (module, unfolded):
    assert tw.compile(made, cache=False)(x).numpy().tolist() == [3.0, -6.0]

lowered = tw.pipelines.cpu(module, stop_after="lower")
s, again = tw.schedule.Schedule(lowered), tw.schedule.Schedule(lowered)
loop = s.loops(s.blocks()[0])[0]
s.toy_backwards(loop)
assert "s.toy_backwards(" in s.trace and "1 - " in str(s)
again.apply(s.trace)
assert again.kernel == s.kernel
assert tw.compile(s.module, cache=False)(x).numpy().tolist() == [3.0, -6.0]
assert tw.schedule.toy_backwards.signature == "def toy_backwards(s, loop: Var | str) -> None"

assert tw.devices()["toy"] == 1
"""

# An extension module of the nodes alone: the package's own sources, without what would have to be built again around them.
NODE_EXTENSION = SPDX + """#include "bindings/core/node_access.h"
#include "ir/text.h"

#include <nanobind/stl/string.h>

NB_MODULE(toy_nodes, module) {
  tw::bindings::bind_data(module);
  tw::bindings::bind_nodes(module);
  module.def("parse", [](const std::string& text) {
    return tw::bindings::node_to_python(tw::parse_fragment(text, tw::Fragment::node).node());
  });
}
"""

USE_NODE = """
import toy_nodes as ir

note = ir.ToyNote(text="here", level=3)
assert isinstance(note, ir.Stmt) and (note.text, note.level) == ("here", 3)
assert ir.parse('ToyNote(text="here", level=3)') == note and ir.parse(repr(note).strip()) == note
assert note.with_(level=4).level == 4 and note.with_(level=4) != note and ir.ToyNote(text="here").level == 0
sequence = ir.Seq(body=[note, note.with_(text="there")])
assert [child.text for child in sequence.children] == ["here", "there"]
"""

# SPDX-License-Identifier: Apache-2.0
"""Schedules by hand: primitives as methods, traces that do it again, refusals that show the place, and the result compiled and run."""
import inspect
import pickle

import numpy as np
import pytest

import tensorwright as tw

TEXT = """
# tensorwright 1
from __future__ import annotations

@kernel(n=Dim(1, 512))
def product(A: In[(n, 64), f32], B: In[(64, 32), f32], C: Out[(n, 32), f32]):
    T = allocate((n, 32), f32)
    for i in range(n):
        for j in range(32):
            for k in range(64):
                with block("mm"):
                    x, y, r = spatial(n, i), spatial(32, j), reduce(64, k)
                    with init():
                        T[x, y] = 0.0
                    T[x, y] = T[x, y] + A[x, r] * B[r, y]
    for i in range(n):
        for j in range(32):
            with block("relu"):
                x, y = spatial(n, i), spatial(32, j)
                C[x, y] = max(T[x, y], 0.0)

@function(n=Dim(1, 512), exported=True)
def main(a: Tensor[(n, 64), f32], b: Tensor[(64, 32), f32]) -> Tensor[(n, 32), f32]:
    c: Tensor[(n, 32), f32] = product(a, b, scalars=(n,))
    return c
"""


@pytest.fixture
def module():
    return tw.parse(TEXT)


@pytest.fixture
def s(module):
    return tw.schedule.Schedule(module, "product")


def check(module, rows=21):
    rng = np.random.default_rng(rows)
    a, b = rng.standard_normal((rows, 64), np.float32), rng.standard_normal((64, 32), np.float32)
    for threads in (1, 2):
        found = tw.compile(module, threads=threads, cache=False, verify=True)(a, b).numpy()
        np.testing.assert_allclose(found, np.maximum(a @ b, 0), atol=1e-4)


def tiled(s):
    """Rows in strips of four by threads, sixteen columns in vectors, relu on what a strip has produced."""
    main, rest = s.partition(s.loops("mm")[0], "n // 4 * 4")
    i_0, i_1 = s.split(main, 4)
    j = s.loops("mm")[2]
    j_0, j_1 = s.split(loop=j, factor=16)
    s.reorder([i_0, j_0, i_1, j_1])
    s.decompose_reduction("mm", s.loops("mm")[-1])
    s.parallel(i_0)
    s.unroll(i_1)


def test_a_kernel_scheduled_by_hand_is_compiled_as_it_stands(module, s):
    tiled(s)
    assert "parallel(n // 4)" in str(s) and "unrolled(4)" in str(s)
    lowered = tw.pipelines.cpu(s.module, stop_after="schedule")
    kernel, = (f for f in lowered.functions if isinstance(f, tw.ir.Kernel))  # and no other: it writes the result itself
    assert kernel == s.kernel and "scheduled" in [attr.name for attr in kernel.attrs]
    for rows in (1, 4, 21):
        check(s.module, rows)
    assert tw.parse(str(s.module)) == s.module
    assert module == tw.parse(TEXT), "the module that was scheduled is as it was"


def test_a_register_tile_by_hand(s):
    s.merge_loops(s.loops("mm")[0], s.loops("relu")[0])
    s.merge_loops(s.loops("mm")[1], s.loops("relu")[1])
    i, j, _ = s.loops("mm")
    i_0, i_1 = s.split(i, 1)
    j_0, j_1 = s.split(j, 16)
    s.reorder([i_0, j_0, i_1, j_1])
    s.tensorize("mm", i_1, j_1)
    assert s.blocks() == [] and "register_tile" in str(s)
    check(s.module)


def test_a_trace_does_it_again_also_at_other_sizes(module, s):
    tiled(s)
    again = tw.schedule.Schedule(module, "product")
    again.apply(s.trace)
    assert again.kernel == s.kernel and again.trace == s.trace
    smaller = tw.schedule.Schedule(tw.parse(TEXT.replace("32", "16")))
    smaller.apply(s.trace)
    assert "parallel(n // 4)" in str(smaller)


def test_a_trace_is_python(module, s):
    tiled(s)
    again = tw.schedule.Schedule(module, "product")
    exec(s.trace, {"s": again})
    assert again.kernel == s.kernel


def test_a_trace_that_does_not_fit_changes_nothing_and_names_its_line(s):
    before = s.kernel
    with pytest.raises(tw.ScheduleError, match="expected that 5 divides the extent 32") as caught:
        s.apply('i, j, k = s.loops("mm")\nj_0, j_1 = s.split(j, 8)\ns.split("j_1", 4)\ns.split(s.loops("relu")[1], 5)\n')
    assert "4:1" in str(caught.value) and s.kernel == before and s.trace == ""


def test_the_rule_leaves_a_trace_to_start_from(module, s):
    s.apply_rule()
    assert "s.tensorize(" in s.trace and "register_tile" in str(s)
    again = tw.schedule.Schedule(module, "product")
    again.apply(s.trace)
    assert again.kernel == s.kernel
    check(again.module)


def test_a_refusal_shows_the_place(s):
    with pytest.raises(tw.ScheduleError) as caught:
        s.parallel(s.loops("mm")[2])
    assert isinstance(caught.value, tw.UserError)
    assert caught.value.message == "parallel: expected that loop 'k' carries no reduction and no order"
    marked = [line for line in str(caught.value).splitlines() if "# <--" in line]
    assert [line.strip() for line in marked] == ['with block("mm"):  # <--']
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is tw.ScheduleError and str(copy) == str(caught.value)


@pytest.mark.parametrize("call, error, message", [
    (lambda s: s.split("i", 8), tw.ScheduleError, "there are 2 loops 'i'"),
    (lambda s: s.split("k", "8"), tw.ScheduleError, 'split: factor: expected an integer, found "8"'),
    (lambda s: s.split("k"), tw.ScheduleError, "split: expected an integer 'factor'"),
    (lambda s: s.split("k", 8, loop="k"), tw.ScheduleError, "split: the argument 'loop' is given twice"),
    (lambda s: s.cache_read("mm", s.loops("mm")[0], "local"), tw.ScheduleError, "cache_read: buffer: expected a buffer, found Var i"),
    (lambda s: s.cache_read("mm", "Z", "local"), tw.ScheduleError, "there is no buffer 'Z'; there is 'A', 'B', 'C', 'T'"),
    (lambda s: s.split(object(), 8), TypeError, "expected a node, a number, a string or a list of them, found <object"),
    (lambda s: s.nothing(), AttributeError, "nothing"),
    (lambda s: s.loops("mm2"), tw.ScheduleError, "there is no block 'mm2'; there is 'mm', 'relu'"),
    (lambda s: s.apply("s.splitt('k', 8)"), tw.UserError, "there is no primitive 'splitt'"),
    (lambda s: s.apply("s.split(k, 8)"), tw.UserError, "the name 'k' is not defined"),
    (lambda s: s.apply("for i in x:\n    pass"), tw.UserError, "expected a call of a primitive, or names = a call"),
    (lambda s: s.apply("a, b, c = s.split('k', 8)"), tw.UserError, "expected 2 names, one for each result, found 3"),
    (lambda s: s.apply("a = s.loops('mm')[3]"), tw.UserError, "there is no item 3: the list has 3"),
    (lambda s: s.apply("print('k')"), tw.UserError, "expected a call on the schedule"),
    (lambda s: s.apply("s.unrecorded()"), tw.UserError, "the trace has a step that was no primitive"),
    (lambda s: tw.schedule.Schedule(s.module, "other"), tw.UserError, "there is no kernel 'other'; there is 'product'"),
    (lambda s: tw.schedule.nothing, AttributeError, "there is no primitive 'nothing'"),
])
def test_mistakes_are_named(s, call, error, message):
    with pytest.raises(error, match=message.replace("(", r"\(")):
        call(s)


def test_a_loop_that_is_gone_is_named(s):
    k = s.loops("mm")[2]
    s.split(k, 8)
    with pytest.raises(tw.ScheduleError, match="there is no loop 'k' any more"):
        s.split(k, 8)


def test_a_module_without_kernels_says_what_to_do():
    graph = tw.parse("@function(exported=True)\ndef main(x: Tensor[(2,), f32]) -> Tensor[(2,), f32]:\n    y: Tensor[(2,), f32] = relu(x)\n    return y\n")
    with pytest.raises(tw.UserError, match="expected a module with kernels(.|\n)*hint: lower it: tensorwright.passes.lower"):
        tw.schedule.Schedule(graph)


def test_every_primitive_is_a_method_with_a_signature_and_its_example():
    assert {"split", "fuse", "reorder", "tile", "vectorise", "parallel", "unroll", "compute_at", "reverse_compute_at", "inline", "reverse_inline",
            "cache_read", "cache_write", "set_scope", "transform_layout", "decompose_reduction", "rfactor", "blockize", "tensorize", "annotate",
            "pad"} <= set(tw.schedule.names())
    for name in tw.schedule.names():
        primitive = getattr(tw.schedule, name)
        assert primitive.name == name and primitive.call.splitlines()[0].startswith(f"s.{name}(")
        assert primitive.doc.lower() in inspect.getdoc(getattr(tw.schedule.Schedule, name)).lower()
        assert primitive.signature.startswith(f"def {name}(s")


def test_a_primitive_may_be_called_with_a_schedule(s):
    outer, inner = tw.schedule.split(s, "k", 8)
    assert (str(s.extent(outer)).strip(), str(s.extent("k_1")).strip()) == ("8", "8") and inner.id == "k_1"


def test_a_copy_goes_its_own_way(s):
    other = s.copy()
    other.split("k", 8)
    assert s.trace == "" and [v.id for v in s.loops("mm")] == ["i", "j", "k"] and len(other.loops("mm")) == 4


def test_expressions_index_maps_and_nodes_are_arguments(s):
    n = s.kernel.dims[0]
    s.partition(s.loops("relu")[0], n // 8 * 8)
    T = s.buffer("T")
    x, y = tw.ir.Var(id="x"), tw.ir.Var(id="y")
    assert s.transform_layout(T, tw.ir.Lambda(params=[x, y], results=[y // 16, x, y % 16])).shape[0].value == 2
    assert 's.transform_layout(T, "lambda x, y: (y // 16, x, y % 16)")' in s.trace
    check(s.module)

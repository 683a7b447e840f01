# SPDX-License-Identifier: Apache-2.0
"""Nodes in Python: made by name, shared with C++, immutable; one Python object for each node while it lives."""
import copy
import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

import tensorwright as tw
from tensorwright import _core, ir


def loop():
    """for i in parallel(n): A[i, 0] = 1.0"""
    i, n = ir.Var(id="i"), ir.Var(id="n", min=1)
    a = ir.Buffer(id="A", shape=[n, 4], element="f32")
    body = ir.Store(buffer=a, index=[i, 0], value=ir.FloatImm(value=1.0))
    return ir.For(begin=0, extent=n, var=i, body=body, how="parallel")


def node_kinds():
    return [kind for kind in vars(_core).values() if isinstance(kind, type) and issubclass(kind, ir.Node) and hasattr(kind, "fields")]


def test_every_kind_has_a_class_with_its_fields():
    kinds = node_kinds()
    assert len(kinds) > 40
    for kind in kinds:
        assert kind.__name__ == kind.__qualname__ and all(isinstance(getattr(kind, field), property) for field in kind.fields), kind


def test_fields_are_read_as_they_were_given():
    node = loop()
    assert (node.how, node.extent.id, node.extent.min, node.begin.value) == (ir.ForKind.parallel, "n", 1, 0)
    assert isinstance(node, ir.Stmt) and isinstance(node.extent, ir.Expr)
    assert node.body.buffer.element == "f32" and node.body.value.dtype == ir.DType("f32")


def test_text_is_the_repr():
    assert repr(loop()) == "for i in parallel(n):\n    A[i, 0] = 1.0\n"


def test_a_node_has_one_python_object_while_it_lives():
    node = loop()
    assert node.body is node.body
    assert node.body.index[0] is node.var
    assert node.children[2] is node.var
    kept = node.body
    del node
    gc.collect()
    assert kept.value.value == 1.0


def test_equality_is_structural_under_renaming_and_identity_is_same_as():
    a, b = loop(), loop()
    assert a != b, "n and A are free: they are different variables"
    c = a.with_(how="parallel")
    assert a == c and hash(a) == hash(c) and not a.same_as(c) and a.same_as(a)
    i, j = ir.Var(id="i"), ir.Var(id="j")
    assert ir.Lambda(params=[i], results=[i + 1]) == ir.Lambda(params=[j], results=[j + 1])
    assert a != "text" and not a == 3


def test_with_changes_a_copy():
    node = loop()
    serial = node.with_(how=ir.ForKind.serial, begin=2)
    assert (serial.how, serial.begin.value, node.how) == (ir.ForKind.serial, 2, ir.ForKind.parallel)
    assert serial.body is node.body


def test_origins_are_kept_and_given():
    origin = ir.Origin(kind="python", text="here", line=3)
    node = ir.IntImm(value=1, origin=origin)
    assert node.origin is origin and node.with_(value=2).origin is origin
    assert loop().origin is None and node.with_(origin=None).origin is None


def test_enums_take_names_and_members():
    a, b = ir.Var(id="a"), ir.Var(id="b")
    assert ir.Binary(op="min", a=a, b=b) == ir.Binary(op=ir.BinaryOp.min, a=a, b=b)
    buffer = ir.Buffer(id="A", shape=[], element="f32")
    assert ir.Param(buffer=buffer, access="in").access is ir.Access.in_, "words of Python get an underscore"


@pytest.mark.parametrize("value", [True, 3, 2.5, "text", (1, 2), (1.5, 2.0), ("a", "b"), ir.DType("bf16"), ()])
def test_attributes_hold_plain_values(value):
    got = ir.Attr(name="a", value=value).value
    assert got == value and type(got) is type(value)


def test_attributes_hold_nodes():
    n = ir.Var(id="n")
    assert ir.Attr(name="a", value=n).value is n
    assert ir.Attr(name="a", value=[n, n + 1]).value[0] is n
    assert ir.Attr(name="a", value=None).value is None


def test_arithmetic_on_expressions():
    i = ir.Var(id="i")
    f = ir.Var(id="f", type="f32")
    assert repr(2 * i + i // 3 - i % 4) == "2 * i + i // 3 - i % 4"
    assert (f * 0.5).dtype == "f32" and repr(-f)
    assert i + 0 is i, "neutral elements are dropped"
    with pytest.raises(tw.UserError, match="arithmetic on i64 and f32: cast one of them"):
        i + f
    with pytest.raises(tw.UserError, match="division of i64: use //"):
        i / i
    with pytest.raises(TypeError, match="unsupported operand"):
        i + "x"


@pytest.mark.parametrize("make, error, message", [
    (lambda: ir.For(), TypeError, "For: missing begin, extent, var, body"),
    (lambda: ir.For(begin=0, extent=1, var=3, body=loop()), TypeError, "For: expected var to be Var, found int: 3"),
    (lambda: ir.Seq(body=[loop(), 1]), TypeError, r"Seq: expected body to be Sequence\[Stmt\], found list"),
    (lambda: loop().with_(nope=1), TypeError, "For has no field 'nope'; it has begin, extent, var, body, how"),
    (lambda: ir.Var(1), TypeError, "incompatible function arguments"),
    (lambda: ir.Var(id="x", type="f99"), TypeError, "Var: expected type to be DType | str, found str: 'f99'"),
    (lambda: ir.Var(id="x", origin=1), TypeError, "Var: expected origin to be Origin | None, found int"),
    (lambda: ir.IntImm(value=1 << 70), OverflowError, "too big|too large"),
    (lambda: ir.Expr(), TypeError, "no constructor"),
    (lambda: setattr(loop(), "body", loop()), AttributeError, "body|setter"),
    (lambda: ir.Binary(op="add", a=ir.Var(id="i"), b=ir.FloatImm(value=1.0)), tw.UserError, "Binary: .*add of i64 and f32"),
    (lambda: ir.Binary(op="plus", a=ir.Var(id="i"), b=1), TypeError, "expected op to be BinaryOp | str, found str: 'plus'"),
    (lambda: ir.DType("float"), tw.UserError, "expected a data type such as f32, i64, bool or f32x8, found 'float'"),
    (lambda: ir.Nope, AttributeError, "there is no node 'Nope'"),
])
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_classes_of_nodes_cannot_be_derived_from():
    with pytest.raises(TypeError):
        type("Mine", (ir.For,), {})


@pytest.mark.filterwarnings("ignore:nanobind. attempted to access an uninitialized")
def test_a_half_made_object_is_no_node():
    """Only __new__ of the class itself makes nodes; what another __new__ leaves behind is refused, not read."""
    with pytest.raises(TypeError):
        broken = ir.Expr.__new__(ir.Var)
        ir.Unary(op="neg", a=broken)


def test_blobs_are_buffers_and_equal_by_content():
    blob = ir.Blob(b"abcd")
    assert bytes(blob) == b"abcd" and len(blob) == 4 and memoryview(blob).readonly
    assert blob == ir.Blob(bytearray(b"abcd")) and blob != ir.Blob(b"abce") and blob != b"abcd"
    assert len(blob.hash) == 32


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int8", "uint64", "bool"])
def test_constants_hold_arrays(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    constant = ir.constant(array, "weights")
    back = ir.constant_array(constant)
    assert constant.id == "weights" and back.dtype == array.dtype and (back == array).all()
    with pytest.raises(tw.UserError, match="constant: expected numbers or bool, found elements of type <U1"):
        ir.constant(np.array(["a"]))


def test_data_types_compare_with_their_names():
    assert ir.DType("f32") == "f32" != ir.DType("f64") and copy.deepcopy(ir.DType("i8")) == "i8"
    assert {ir.DType("bf16"): 1}[ir.DType("bf16")] == 1 and ir.DType("f32x8").lanes == 8


def test_long_chains_are_freed_without_deep_recursion():
    """Each node of the chain is owned by a Python object, and the last reference to the first one goes away."""
    i = ir.Var(id="i")
    chain = i
    for _ in range(300_000):
        chain = ir.Binary(op="add", a=chain, b=i)
    del chain
    gc.collect()


def test_counts_hold_under_stress():
    """Nodes that wander between C++ and Python, created and dropped in every order."""
    random = np.random.default_rng(0)
    pool = [ir.Var(id=f"v{k}") for k in range(8)]
    for _ in range(20_000):
        a, b = (pool[k] for k in random.integers(0, len(pool), 2))
        if a.dtype == b.dtype:
            pool[random.integers(8, 64) if len(pool) == 64 else 0:0] = []
            node = ir.Select(cond=ir.Binary(op="lt", a=a, b=b), a=a, b=b) if random.random() < 0.3 else ir.Binary(op="add", a=a, b=b)
            if len(pool) < 64:
                pool.append(node)
            else:
                pool[random.integers(8, 64)] = node.children[-1]
        if random.random() < 0.01:
            del pool[32:]
    assert all(isinstance(node.dtype, ir.DType) for node in pool)


def test_nodes_may_be_used_from_many_threads():
    shared, failures = loop(), []

    def work():
        for _ in range(500):
            copy_of = shared.with_(how="serial")
            if copy_of.body is not shared.body or hash(copy_of) == hash(shared):
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_nothing_is_leaked_at_exit():
    """A process that ends with nodes in its globals frees them; the binding library would report leaks."""
    program = "from tensorwright import ir\ni = ir.Var(id='i')\ne = i + 1\nk = ir.Evaluate(value=e)\nb = k.value.a"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr == ""

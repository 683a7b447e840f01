# SPDX-License-Identifier: Apache-2.0
"""Operators from the table: calls as nodes, calls on arrays, what each tells about itself."""
import numpy as np
import pytest

import tensorwright as tw
from tensorwright import ir, ops


def value(name, shape, element="f32"):
    return ir.Value(id=name, type=ir.TensorType(shape=shape, element=element))


def test_the_table_is_there():
    assert "add" in ops.names() and ops.names() == sorted(ops.names()) and "add" in dir(ops)
    with pytest.raises(AttributeError, match="there is no operator 'nope'"):
        ops.nope
    for name in ops.names():
        operator = getattr(ops, name)
        assert operator.name == name and operator.doc and operator.fusion and repr(operator) == f"<operator {name}>"


def test_a_call_on_values_is_a_node_with_a_type():
    n = ir.Var(id="n")
    call = ops.add(value("a", [n, 4]), value("b", [4]))
    assert isinstance(call, ir.OpCall) and call.op == "add" and len(call.args) == 2
    assert ir.infer_types(call) == [ir.TensorType(shape=[n, 4], element="f32")]


def test_wrong_operands_are_refused_by_the_operators_rule():
    with pytest.raises(tw.UserError):
        ops.add(value("a", [3]), value("b", [4]))
    with pytest.raises(TypeError, match="either nodes or arrays, found both"):
        ops.add(value("a", [3]), np.zeros(3, np.float32))


def test_a_call_on_arrays_computes():
    x, y = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, np.float32)
    np.testing.assert_array_equal(ops.add(x, y), x + y)
    with pytest.raises(tw.UserError, match="operator add: argument 0"):
        ops.add(np.array(["a"]), y)


def test_attributes_are_checked_against_the_declaration():
    operator = next(op for op in map(ops.__getattr__, ops.names()) if op.attributes)
    name = next(iter(operator.attributes))
    with pytest.raises(TypeError, match=f"operator {operator.name} has no attribute 'nope'; it has .*{name}"):
        operator(nope=1)
    with pytest.raises(TypeError, match=f"operator {operator.name}: expected {name} to be"):
        operator(**{name: object()})

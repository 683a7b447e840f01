# SPDX-License-Identifier: Apache-2.0
"""Inputs that code must know: given to compile as values, or taken by the ONNX backend from each run."""
import numpy as np
import onnx
import pytest
import tensorwright as tw
from onnx import TensorProto, helper


def cumulative_sum() -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3]), helper.make_tensor_value_info("axis", TensorProto.INT64, [])]
    nodes = [helper.make_node("Identity", ["axis"], ["a"]), helper.make_node("CumSum", ["x", "a"], ["y"])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])])
    return helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 17)], ir_version=8)


x = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_the_error_names_the_input_that_needs_a_value():
    with pytest.raises(tw.UnsupportedError, match=r"input 1 \('axis'\) must be known(.|\n)*input 'axis' \(the option values\)"):
        tw.compile(cumulative_sum())


def test_an_input_with_a_value_is_no_input():
    model = tw.compile(cumulative_sum(), values={"axis": np.array(1)})
    assert [port.name for port in model.inputs] == ["x"]
    np.testing.assert_array_equal(model(x).numpy(), np.cumsum(x, 1))


def test_a_value_for_what_is_no_input_is_refused():
    with pytest.raises(tw.UserError, match="no input 'axes'"):
        tw.compile(cumulative_sum(), values={"axes": np.array(1)})


def test_the_backend_compiles_once_for_each_value():
    compiled = tw.onnx.backend.prepare(cumulative_sum())
    for axis in (0, 1, 0):
        np.testing.assert_array_equal(compiled.run([x, np.array(axis)])[0], np.cumsum(x, axis))
    assert len(compiled._compiled) == 2
    with pytest.raises(tw.UserError, match="value for the input 'axis'"):
        compiled.run({"x": x})


def test_an_operator_that_onnx_defines_by_others_is_expanded():
    node = helper.make_node("AffineGrid", ["theta", "size"], ["grid"], align_corners=1)
    inputs = [helper.make_tensor_value_info("theta", TensorProto.FLOAT, [1, 2, 3]), helper.make_tensor_value_info("size", TensorProto.INT64, [4])]
    graph = helper.make_graph([node], "g", inputs, [helper.make_tensor_value_info("grid", TensorProto.FLOAT, [1, "h", "w", 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 20)], ir_version=9)
    theta = np.array([[[1, 0, 0], [0, 1, 0]]], np.float32)
    grid = tw.onnx.backend.run_model(model, [theta, np.array([1, 1, 3, 3])])[0]
    np.testing.assert_allclose(grid[0, :, :, 0], [[-1, 0, 1]] * 3, atol=1e-6)


def test_axes_of_pad_are_an_ordinary_input():
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3]), helper.make_tensor_value_info("pads", TensorProto.INT64, [2]),
              helper.make_tensor_value_info("axes", TensorProto.INT64, [1])]
    nodes = [helper.make_node("Pad", ["x", "pads", "", "axes"], ["y"])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["h", "w"])])
    model = tw.compile(helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 18)], ir_version=8))
    for axis, pads in ((0, ((1, 2), (0, 0))), (1, ((0, 0), (1, 2))), (-1, ((0, 0), (1, 2)))):
        np.testing.assert_array_equal(model(x, np.array([1, 2]), np.array([axis])).numpy(), np.pad(x, pads))
    with pytest.raises(tw.UserError, match="axes must be from -2 to 1"):
        model(x, np.array([1, 2]), np.array([2]))

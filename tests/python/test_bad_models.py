# SPDX-License-Identifier: Apache-2.0
"""A model file is only data: whatever is in it, compiling it gives an error for the reader, and nothing outside its folder is read."""
import os
import random

import numpy as np
import onnx
import pytest
import tensorwright as tw
from onnx import TensorProto, helper, numpy_helper

ERRORS = (tw.UserError, tw.UnsupportedError)


def model(nodes=None, inputs=None, outputs=("y",), initializers=(), opset=17):
    nodes = nodes or [helper.make_node("Relu", ["x"], ["y"])]
    inputs = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, results, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", opset)], ir_version=8)


def network():
    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["y"])]
    return model(nodes, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])], initializers=[weights])


def refused(bad, kinds=ERRORS):
    with pytest.raises(kinds) as caught:
        tw.compile(bad)
    return str(caught.value)


def test_every_cut_of_a_model_is_refused_or_compiles():
    whole = network().SerializeToString()
    for length in range(0, len(whole), 7):
        try:
            tw.compile(whole[:length])
        except ERRORS:
            pass


def test_changed_bytes_are_refused_or_compile():
    whole, rng = bytearray(network().SerializeToString()), random.Random(1)
    for _ in range(300):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        try:
            tw.compile(bytes(changed))
        except ERRORS:
            pass


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "link.bin", "folder/../../secret.bin"])
def test_weights_outside_the_folder_are_not_read(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "folder").mkdir()
    os.symlink(tmp_path / "secret.bin", folder / "link.bin")
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    path = folder / "model.onnx"
    path.write_bytes(model([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor]).SerializeToString())
    assert "folder" in refused(str(path), tw.UserError)


@pytest.mark.parametrize("size, message", [(-5, "dimension 0 is -5"), (2**62, "overflows")])
def test_sizes_that_cannot_be(size, message):
    assert message in refused(model(inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, [size, 1000])]), tw.UserError)


def test_a_result_that_fits_no_memory_is_refused_before_any_is_taken():
    nodes = [helper.make_node("Expand", ["x", "shape"], ["y"])]
    shape = numpy_helper.from_array(np.array([2**40, 2**40, 3]), "shape")
    with pytest.raises((*ERRORS, MemoryError)):
        tw.compile(model(nodes, initializers=[shape]))(np.ones((1, 3), np.float32))


def test_a_cycle_is_shown():
    nodes = [helper.make_node("Add", ["x", "b"], ["a"], name="first"), helper.make_node("Relu", ["a"], ["b"], name="second")]
    text = refused(model(nodes, outputs=("b",)), tw.UserError)
    assert "cycle" in text and "first" in text and "second" in text


def test_a_wrong_attribute_names_node_and_types():
    text = refused(model([helper.make_node("Softmax", ["x"], ["y"], name="last", axis="one")]), tw.UserError)
    assert "axis" in text and "last" in text and "Softmax" in text and "string" in text


def test_all_unknown_operators_are_listed_at_once():
    nodes = [helper.make_node("Foo", ["x"], ["a"], name="first"), helper.make_node("Bar", ["a"], ["y"], name="second")]
    text = refused(model(nodes), tw.UnsupportedError)
    assert all(word in text for word in ("Foo", "Bar", "first", "second"))


def test_a_name_that_nothing_defines():
    assert "nowhere" in refused(model([helper.make_node("Add", ["x", "nowhere"], ["y"])]), tw.UserError)


def test_sizes_that_do_not_fit_are_found_while_compiling_or_in_the_run():
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size]) for name, size in (("x", 3), ("z", 4))]
    assert "3 and 4" in refused(model([helper.make_node("Add", ["x", "z"], ["y"])], inputs), tw.UserError)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [name]) for name in ("x", "z")]
    compiled = tw.compile(model([helper.make_node("Add", ["x", "z"], ["y"], name="sum")], inputs))
    with pytest.raises(tw.UserError, match="sum.*must be equal"):
        compiled(np.ones(3, np.float32), np.ones(4, np.float32))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04", b"<html>", bytes(range(256))])
def test_files_that_are_no_models(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    refused(str(path))

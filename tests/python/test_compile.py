# SPDX-License-Identifier: Apache-2.0
"""From a model to results in Python: compile, export, load; modules as text; passes; ONNX's backend interface."""
import os
import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest
from onnx import helper

import tensorwright as tw


@pytest.fixture(scope="module")
def proto():
    """y = relu(x @ w), x of shape (n, 4)."""
    w = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"], "product"), helper.make_node("Relu", ["a"], ["y"], "activation")]
    value = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "small", [value("x", ["n", 4])], [value("y", ["n", 8])], [onnx.numpy_helper.from_array(w, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def module(proto):
    return tw.frontend.onnx.load_bytes(proto.SerializeToString())


def expected(proto, x):
    return np.maximum(x @ onnx.numpy_helper.to_array(proto.graph.initializer[0]), 0)


def data(rows):
    return np.random.default_rng(rows).standard_normal((rows, 4)).astype(np.float32)


def test_models_of_every_kind_compile_to_the_same_results(proto, module, tmp_path):
    path = tmp_path / "small.onnx"
    onnx.save(proto, path)
    for source in (path, str(path), proto, proto.SerializeToString(), module):
        model = tw.compile(source, threads=2)
        np.testing.assert_allclose(model(data(3)).numpy(), expected(proto, data(3)), rtol=1e-4, atol=1e-5)
    with pytest.raises(tw.UserError, match="expected a path, the bytes of an ONNX model"):
        tw.compile(3)


def test_one_compiled_model_serves_many_sizes(proto, module):
    model = tw.compile(module)
    for rows in (1, 2, 7, 64, 1):
        np.testing.assert_allclose(model(data(rows)).numpy(), expected(proto, data(rows)), rtol=1e-4, atol=1e-5)


def test_results_that_are_held_keep_their_values_while_dropped_memory_serves_later_runs(proto, module):
    model = tw.compile(module)
    held = [(rows, model(data(rows)).numpy()) for _ in range(6) for rows in (4000, 4000, 5000)][::2]
    for rows, result in held:
        np.testing.assert_allclose(result, expected(proto, data(rows)), rtol=1e-4, atol=1e-5)


def test_dims_pin_symbols(proto, module):
    model = tw.compile(module, dims={"n": 5})
    assert model.inputs[0].shape == (5, 4)
    with pytest.raises(tw.UserError):
        model(data(3))
    with pytest.raises(tw.UserError, match="nope"):
        tw.compile(module, dims={"nope": 5})


def test_export_and_load_give_equal_bits(module, tmp_path):
    model = tw.compile(module, threads=1)
    model.export(tmp_path / "small.so")
    loaded = tw.load(tmp_path / "small.so", threads=2)
    np.testing.assert_array_equal(model(data(9)).numpy(), loaded(data(9)).numpy())
    assert [port.name for port in loaded.inputs + loaded.outputs] == ["x", "y"]


def test_a_model_for_another_processor_is_written_but_not_run(module, tmp_path):
    for feature in ("amx_tile", "avx512_fp16", "avx512f"):
        model = tw.compile(module, target=f"x86-64+{feature}")
        model.export(tmp_path / "other.so")
        assert [port.name for port in model.inputs] == ["x"]
        try:
            model(data(2))
        except tw.UnsupportedError as error:
            assert "this processor lacks" in str(error) and "compile the model for an older target" in str(error)
            with pytest.raises(tw.UnsupportedError, match="this processor lacks"):
                tw.load(tmp_path / "other.so")
            return
    pytest.skip("this processor has all of them")


def test_the_report_says_what_was_done(module):
    report = tw.compile(module, cache=False).report
    assert report["kernels"] >= 1 and report["total_seconds"] > 0 and report["passes"] and report["launches"]


def test_the_machine_code_of_a_kernel_is_text(module, tmp_path):
    model = tw.compile(module)
    kernel = model.report["launches"][0][0]
    assert f"{kernel}:\n" in model.assembly(kernel)
    with pytest.raises(tw.UserError, match=f"there is no kernel '{kernel}x'") as error:
        model.assembly(kernel + "x")
    assert kernel in error.value.hint
    model.export(tmp_path / "model.so")
    with pytest.raises(tw.UserError, match="no single kernels"):
        tw.load(tmp_path / "model.so").assembly(kernel)


def test_options_are_checked(module):
    with pytest.raises(tw.UserError, match="nope"):
        tw.compile(module, target="nope")
    with pytest.raises(tw.UserError, match="there is no pass 'nope'"):
        tw.compile(module, disable=["nope"])
    with pytest.raises(tw.UserError, match="function"):
        tw.compile(module, function="nope")


@pytest.mark.parametrize("columns", [60, 130])
def test_weights_that_are_subnormal_count_as_zero_however_they_lie(columns):
    """One panel that lies in order already, and several: unless results shall be exact, no product meets a subnormal weight."""
    w = np.full((240, columns), 1e-40, np.float32)
    w[:, 0] = 1
    value = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value("x", [1, 240])], [value("y", [1, columns])],
                              [onnx.numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 17)], ir_version=8)
    x = np.full((1, 240), 1e35, np.float32)
    plain = tw.compile(model)(x).numpy()
    assert plain[0, 0] > 1e37 and not plain[0, 1:].any()
    exact = tw.compile(model, exact=True)(x).numpy()
    np.testing.assert_allclose(exact[0, 1:], 240 * 1e-5, rtol=1e-3)


def test_compiling_in_several_threads(proto, module):
    results, errors = {}, []

    def work(rows):
        try:
            results[rows] = tw.compile(module, cache=False, threads=1)(data(rows)).numpy()
        except tw.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for rows, result in results.items():
        np.testing.assert_allclose(result, expected(proto, data(rows)), rtol=1e-4, atol=1e-5)


def test_text_goes_there_and_back(module):
    text = str(module)
    assert tw.parse(text) == module and str(tw.parse(text)) == text
    with pytest.raises(tw.UserError, match="1:"):
        tw.parse("def (")


def test_the_reference_interpreter_agrees(proto, module):
    result, = tw.interpret(module, [data(3)])
    np.testing.assert_allclose(result, expected(proto, data(3)), rtol=1e-4, atol=1e-5)


def test_every_pass_is_callable_and_the_pipeline_is_the_passes_in_order(module):
    assert "fuse" in tw.passes.names() and tw.passes.fuse.doc and tw.passes.fuse.level == "graph"
    fused = tw.passes.fuse(module)
    assert isinstance(fused, tw.Module)
    np.testing.assert_allclose(tw.interpret(fused, [data(2)])[0], tw.interpret(module, [data(2)])[0], rtol=1e-5)
    remarks = []
    assert isinstance(tw.pipelines.cpu(module, "x86-64-v3", remarks=remarks), tw.Module)
    assert all(len(remark) == 2 for remark in remarks)
    with pytest.raises(AttributeError, match="there is no pass 'nope'"):
        tw.passes.nope
    with pytest.raises(TypeError, match="expected a Module, found 3"):
        tw.passes.fuse(3)


def test_the_frontend_knows_its_operators(module):
    assert {"Conv", "MatMul", "Relu"} <= set(tw.frontend.onnx.operators())
    with pytest.raises(tw.UserError):
        tw.frontend.onnx.load("absent.onnx")


def test_onnx_backend(proto):
    backend = tw.onnx.backend
    assert backend.supports_device("CPU") and backend.supports_device("CPU:0") and not backend.supports_device("CUDA")
    rep = backend.prepare(proto)
    for inputs in ([data(2)], {"x": data(2)}, data(2)):
        np.testing.assert_allclose(rep.run(inputs).y, expected(proto, data(2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(backend.run_model(proto, [data(2)])[0], expected(proto, data(2)), rtol=1e-4, atol=1e-5)
    node = helper.make_node("Add", ["a", "b"], ["c"])
    np.testing.assert_array_equal(backend.run_node(node, [data(2), data(2)]).c, 2 * data(2))
    np.testing.assert_array_equal(backend.run_node(node, [data(2), data(2)], outputs_info=[(np.float32, (2, 4))])[0], 2 * data(2))
    with pytest.raises(tw.UserError, match="expected the device CPU, found 'CUDA'"):
        backend.prepare(proto, "CUDA")
    with pytest.raises(tw.UserError, match="operator Add: expected one array for each"):
        backend.run_node(node, [data(2)])


IDLE = """
import os, sys, time
import numpy
import tensorwright as tw

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
x = numpy.random.default_rng(0).standard_normal((384, 384), numpy.float32)
text = '''# tensorwright 1
from __future__ import annotations
from tensorwright.text import *

@function(exported=True)
def main(x: Tensor[(384, 384), f32]) -> Tensor[(384, 384), f32]:
    a: Tensor[(384, 384), f32] = matmul(x, x)
    y: Tensor[(384, 384), f32] = matmul(a, x)
    return y
'''
model = tw.compile(tw.parse(text))
for _ in range(20):
    model(x)
time.sleep(0.1)  # the workers go to sleep
before = time.process_time()
time.sleep(1)
print(model.threads, time.process_time() - before)
"""


@pytest.mark.parametrize("processors", [1, 2])
def test_a_process_uses_the_processors_of_its_mask_and_none_while_idle(processors):
    """The number of threads is that of the affinity mask; after runs with all of them a second passes without any work."""
    allowed = min(processors, len(os.sched_getaffinity(0)))
    result = subprocess.run([sys.executable, "-c", IDLE, str(allowed)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    threads, seconds = result.stdout.split()
    assert 1 <= int(threads) <= allowed and float(seconds) < 0.05


@pytest.mark.parametrize("length, k, axis, largest", [(1, 1, 1, 1), (2, 2, 1, 0), (1000, 7, 1, 1), (1000, 1000, 1, 0), (257, 128, 1, 1), (64, 33, 0, 1), (40, 0, 1, 1)])
def test_top_k_sorts_as_a_stable_sort_does_with_many_equals_and_not_a_number(length, k, axis, largest):
    generator = np.random.default_rng(length)
    x = generator.integers(-length // 4 - 1, length // 4 + 1, (3, length) if axis == 1 else (length, 3)).astype(np.float32)
    if length > 2:
        x[generator.random(x.shape) < 0.01] = np.nan
    value = lambda name, type_, shape: helper.make_tensor_value_info(name, type_, shape)
    shape = [3, k] if axis == 1 else [k, 3]
    graph = helper.make_graph([helper.make_node("TopK", ["x", "k"], ["values", "indices"], axis=axis, largest=largest)], "g",
                              [value("x", onnx.TensorProto.FLOAT, x.shape)],
                              [value("values", onnx.TensorProto.FLOAT, shape), value("indices", onnx.TensorProto.INT64, shape)],
                              [onnx.numpy_helper.from_array(np.array([k], np.int64), "k")])
    values, indices = tw.compile(helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 17)], ir_version=8))(x)
    order = np.argsort(np.where(np.isnan(x), -np.inf, -x) if largest else np.where(np.isnan(x), np.inf, x), axis=axis, kind="stable")
    order = np.take(order, range(k), axis)
    np.testing.assert_array_equal(indices.numpy(), order)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(x, order, axis))


@pytest.mark.parametrize("shape, axis", [((5,), 0), ((3, 0, 4), 1), ((2, 6, 63), 1), ((3, 7, 1100), 1), ((3, 7, 1100), 0), ((2, 3, 5, 7), 1), ((2, 3, 5, 7), -1)])
@pytest.mark.parametrize("exclusive, reverse, element", [(0, 0, np.float32), (1, 1, np.int64)])
def test_running_sums_along_any_axis_whatever_lies_behind_it(shape, axis, exclusive, reverse, element):
    """Vectors, halves of vectors, several pieces, sizes known before and only in the run, on one thread and on two."""
    x = (np.random.default_rng(0).standard_normal(shape) * 10).astype(element)
    expected = np.flip(x, axis) if reverse else x
    expected = np.cumsum(expected, axis) - (expected if exclusive else 0)
    expected = np.flip(expected, axis) if reverse else expected
    node = helper.make_node("CumSum", ["x", "axis"], ["y"], exclusive=exclusive, reverse=reverse)
    number = helper.np_dtype_to_tensor_dtype(np.dtype(element))
    for sizes in (shape, [f"d{i}" for i in range(len(shape))]):
        graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", number, sizes)], [helper.make_tensor_value_info("y", number, sizes)],
                                  [helper.make_tensor("axis", onnx.TensorProto.INT64, [], [axis])])
        proto = helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 14)], ir_version=8)
        results = [tw.compile(proto, threads=threads)(x).numpy() for threads in (1, 2)]
        np.testing.assert_array_equal(*results)
        np.testing.assert_allclose(results[0], expected, rtol=1e-4, atol=1e-4)

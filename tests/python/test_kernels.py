# SPDX-License-Identifier: Apache-2.0
"""Random convolutions, products and attention against ONNX Runtime: sizes that divide nothing, borders, strides, groups, one and two threads,
every instruction set that this machine has. The forms that schedules choose between (tiles, strips, panels, Winograd, rows) all occur."""
import ctypes
import mmap

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorwright as tw
from onnx import TensorProto, helper, numpy_helper

CONVOLUTIONS = [
    # batch, channels, height, width, outputs, kernel, stride, dilation, groups, pads
    (1, 16, 56, 56, 32, 3, 1, 1, 1, (1, 1, 1, 1)),
    (2, 24, 17, 9, 72, 3, 1, 1, 1, (0, 0, 0, 0)),
    (1, 32, 8, 8, 64, 3, 1, 1, 1, (1, 1, 1, 1)),
    (3, 20, 33, 38, 41, 3, 1, 1, 1, (1, 1, 1, 1)),
    (1, 64, 14, 14, 48, 3, 1, 1, 1, (0, 1, 2, 1)),
    (1, 16, 31, 30, 24, 3, 2, 1, 1, (1, 1, 1, 1)),
    (1, 3, 61, 64, 17, 7, 2, 1, 1, (3, 3, 3, 3)),
    (1, 12, 29, 29, 20, 3, 1, 2, 1, (2, 2, 2, 2)),
    (1, 72, 28, 28, 72, 3, 1, 1, 72, (1, 1, 1, 1)),
    (2, 37, 15, 13, 37, 5, 2, 1, 37, (2, 2, 2, 2)),
    (1, 144, 12, 12, 144, 3, 1, 1, 144, (1, 1, 1, 1)),
    (1, 32, 19, 11, 48, 3, 1, 1, 4, (1, 1, 1, 1)),
    (1, 96, 37, 5, 24, 1, 1, 1, 1, (0, 0, 0, 0)),
    (1, 1, 28, 28, 8, 5, 1, 1, 1, (2, 2, 2, 2)),
    (1, 40, 1, 1, 10, 1, 1, 1, 1, (0, 0, 0, 0)),
    (1, 24, 40, 70, 3, 9, 1, 1, 1, (4, 4, 4, 4)),
    (2, 20, 37, 50, 1, 3, 1, 1, 1, (1, 1, 1, 1)),
    (1, 16, 33, 101, 4, 5, 1, 2, 1, (4, 4, 4, 4)),
    (1, 32, 20, 36, 2, 3, 2, 1, 1, (1, 1, 1, 1)),
    (1, 64, 28, 28, 144, 3, 1, 1, 1, (1, 1, 1, 1)),
    (1, 96, 27, 27, 100, 3, 1, 1, 1, (1, 1, 1, 1)),
]
# x, outputs, kernel, strides, pads, output padding, groups, dilations
TRANSPOSED_CONVOLUTIONS = [
    ((1, 20, 9, 11), 32, (4, 4), (2, 2), (1, 1, 1, 1), (0, 0), 1, (1, 1)),
    ((2, 24, 30, 31), 40, (4, 4), (2, 2), (1, 1, 1, 1), (0, 0), 1, (1, 1)),
    ((1, 24, 16, 16), 20, (2, 2), (2, 2), (0, 0, 0, 0), (0, 0), 1, (1, 1)),
    ((1, 17, 8, 9), 33, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1, (1, 1)),
    ((1, 17, 8, 9), 33, (3, 3), (2, 2), (1, 0, 1, 2), (0, 0), 1, (1, 1)),
    ((1, 16, 14, 14), 1, (4, 4), (2, 2), (1, 1, 1, 1), (0, 0), 1, (1, 1)),
    ((2, 19, 12, 7), 3, (4, 4), (2, 2), (1, 1, 1, 1), (0, 0), 1, (1, 1)),
    ((1, 19, 12, 7), 3, (5, 3), (3, 2), (2, 0, 1, 1), (1, 0), 1, (1, 1)),
    ((1, 12, 6, 5), 24, (2, 1), (3, 3), (0, 0, 0, 0), (1, 2), 1, (1, 1)),
    ((1, 12, 6, 5), 2, (2, 1), (3, 3), (0, 0, 0, 0), (1, 2), 1, (1, 1)),
    ((1, 100, 1, 1), 64, (4, 4), (1, 1), (0, 0, 0, 0), (0, 0), 1, (1, 1)),
    ((1, 100, 1, 7), 3, (4, 4), (2, 1), (1, 1, 1, 1), (0, 0), 1, (1, 1)),
    ((1, 32, 9, 10), 48, (4, 4), (2, 2), (1, 1, 1, 1), (0, 0), 4, (1, 1)),
    ((1, 32, 9, 10), 32, (4, 4), (2, 2), (1, 1, 1, 1), (0, 0), 32, (1, 1)),
    ((1, 6, 9, 10), 4, (3, 3), (2, 2), (1, 1, 1, 1), (0, 0), 2, (1, 1)),
    ((1, 18, 9, 10), 20, (3, 3), (1, 1), (1, 1, 1, 1), (0, 0), 1, (2, 3)),
    ((1, 18, 9, 10), 20, (3, 3), (2, 1), (1, 2, 1, 3), (1, 0), 1, (1, 2)),
    ((1, 18, 9, 10), 20, (3, 2), (2, 2), (1, 1, 1, 1), (0, 0), 1, (2, 2)),
    ((1, 18, 20), 24, (16,), (8,), (4, 4), (0,), 1, (1,)),
    ((2, 18, 21), 5, (7,), (4,), (1, 2), (2,), 1, (1,)),
    ((1, 10, 4, 5, 6), 16, (4, 4, 4), (2, 2, 2), (1, 1, 1, 1, 1, 1), (0, 0, 0), 1, (1, 1, 1)),
    ((1, 10, 3, 4, 5), 2, (2, 3, 4), (2, 2, 2), (0, 0, 0, 0, 1, 1), (0, 1, 0), 1, (1, 1, 1)),
    ((1, 16, 5, 5), 16, (4, 4), (2, 2), (5, 4, 5, 3), (0, 0), 1, (1, 1)),
    ((1, 16, 5, 5), 3, (4, 4), (2, 2), (5, 4, 5, 3), (0, 0), 1, (1, 1)),
]
# batch, channels (0: no expansion), height, width, between, outputs (0: no projection), kernel, stride, dilation, activation, residual
BOTTLENECKS = [
    (1, 16, 48, 56, 96, 24, 3, 2, 1, "Relu", False),
    (1, 12, 41, 43, 101, 12, 3, 1, 1, "HardSwish", True),
    (2, 7, 40, 37, 72, 19, 5, 2, 1, "Sigmoid", False),
    (3, 9, 33, 29, 160, 9, 3, 1, 2, "Relu", True),
    (1, 8, 52, 50, 128, 0, 5, 1, 1, "Sigmoid", False),
    ("n", 10, 31, 45, 96, 10, 3, 1, 1, "Relu", True),
    (1, 0, 60, 56, 64, 30, 3, 1, 1, "Relu", False),
    (2, 0, 47, 51, 80, 17, 5, 2, 1, "HardSwish", False),
    (1, 16, "h", "w", 96, 16, 3, 1, 1, "Relu", True),
]
PRODUCTS = [(1, 64, 130), (197, 96, 200), (37, 33, 65), (128, 1024, 64), (5, 700, 1), (61, 1, 48)]


def model_of(nodes, inputs, outputs, constants, opset=17):
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
                              [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
                              [numpy_helper.from_array(v, n) for n, v in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString()


def targets():
    names = ["native"]
    for name in ("x86-64-v2", "x86-64-v3", "x86-64-v4"):
        try:
            empty = model_of([helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}, ["y"], {})
            tw.compile(empty, target=name)(np.zeros(1, np.float32))
            names.append(name)
        except tw.Error:
            pass
    return names


TARGETS = targets()


def check(model, feeds):
    """Each target within 1e-5 of ONNX Runtime, relative to the largest result; one and two threads equal to the bit."""
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    for target in TARGETS:
        results = [tw.compile(model, target=target, threads=n).run(feeds) for n in (1, 2)]
        one, two = (next(iter(r.values())).numpy() for r in results)
        assert np.array_equal(one, two), target
        assert one.shape == expected.shape
        assert np.max(np.abs(one - expected)) <= 1e-5 * np.max(np.abs(expected)) + 1e-12, target


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolutions(case):
    batch, channels, height, width, outputs, kernel, stride, dilation, groups, pads = case
    random = np.random.default_rng(1)
    weights = random.standard_normal((outputs, channels // groups, kernel, kernel)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[stride] * 2, dilations=[dilation] * 2, group=groups, pads=pads),
             helper.make_node("Relu", ["c"], ["y"])]
    model = model_of(nodes, {"x": [batch, channels, height, width]}, ["y"], {"w": weights, "b": random.standard_normal(outputs).astype(np.float32)})
    check(model, {"x": random.standard_normal((batch, channels, height, width)).astype(np.float32)})


@pytest.mark.parametrize("constant", [True, False], ids=["constants", "inputs"])
@pytest.mark.parametrize("case", BOTTLENECKS, ids=str)
def test_depthwise_convolutions_between_pointwise_ones(case, constant):
    """Maps that the cache does not hold go through all convolutions in strips: strips and panels that nothing divides, borders, batches."""
    batch, channels, height, width, between, outputs, kernel, stride, dilation, activation, residual = case
    random = np.random.default_rng(13)
    weights = {"v": random.standard_normal((between, 1, kernel, kernel)) / kernel, "c": random.standard_normal(between)}
    nodes = [helper.make_node("Conv", ["p", "v", "c"], ["d"], strides=[stride] * 2, dilations=[dilation] * 2, group=between,
                              pads=[dilation * (kernel // 2)] * 4), helper.make_node(activation, ["d"], ["q"])]
    if channels:
        weights |= {"u": random.standard_normal((between, channels, 1, 1)) / channels**0.5, "b": random.standard_normal(between)}
        nodes = [helper.make_node("Conv", ["x", "u", "b"], ["e"]), helper.make_node(activation, ["e"], ["p"]), *nodes]
    else:
        nodes.insert(0, helper.make_node("Relu", ["x"], ["p"]))
    if outputs:
        weights["w"] = random.standard_normal((outputs, between, 1, 1)) / between**0.5
        nodes.append(helper.make_node("Conv", ["q", "w"], ["r"]))
        if residual: nodes.append(helper.make_node("Add", ["x", "r"], ["s"]))
    nodes[-1].output[0] = "y"
    weights = {n: w.astype(np.float32) for n, w in weights.items()}
    shape = [batch, channels or between, height, width]
    sizes = {"n": 3, "h": 44, "w": 39}
    feeds = {"x": random.standard_normal([sizes.get(s, s) for s in shape]).astype(np.float32)}
    if constant: check(model_of(nodes, {"x": shape}, ["y"], weights), feeds)
    else: check(model_of(nodes, {"x": shape} | {n: list(w.shape) for n, w in weights.items()}, ["y"], {}), feeds | weights)


@pytest.mark.parametrize("case", TRANSPOSED_CONVOLUTIONS, ids=str)
def test_transposed_convolutions(case):
    """Strides are parted into phases; few outputs come as channels of one convolution. With a bias and a map behind, also of unknown sizes."""
    shape, outputs, kernel, strides, pads, extra, groups, dilations = case
    random = np.random.default_rng(11)
    weights = random.standard_normal((shape[1], outputs // groups, *kernel)).astype(np.float32)
    nodes = [helper.make_node("ConvTranspose", ["x", "w", "b"], ["c"], strides=strides, pads=pads, output_padding=extra, group=groups,
                              dilations=dilations), helper.make_node("LeakyRelu", ["c"], ["y"])]
    constants = {"w": weights, "b": random.standard_normal(outputs).astype(np.float32)}
    feeds = {"x": random.standard_normal(shape).astype(np.float32)}
    check(model_of(nodes, {"x": list(shape)}, ["y"], constants), feeds)
    check(model_of(nodes, {"x": [shape[0], shape[1], *"abc"[:len(kernel)]]}, ["y"], constants), feeds)


@pytest.mark.parametrize("shape", [(1, 32, 20, 30), (2, 3, 7, 9), (1, 48, 33), (2, 16, 130), (1, 20, 4, 5, 6), (3, 130, 6, 6), (1, 64, 40, 44)], ids=str)
@pytest.mark.parametrize("groups", [0, 1, 2])
def test_norms_of_channels(shape, groups):
    """Between convolutions, where channels come last: norms over the places of a channel, or of a group of channels; means far from zero."""
    channels, rank = shape[1], len(shape) - 2
    if groups and channels % groups: groups = 1
    random = np.random.default_rng(12)
    constants = {n: random.standard_normal(channels).astype(np.float32) for n in ("scale", "bias")}
    constants |= {n: (random.standard_normal((channels, channels, *[1] * rank)) / channels**0.5).astype(np.float32) for n in ("w", "v")}
    norm = {"op_type": "GroupNormalization", "num_groups": groups} if groups else {"op_type": "InstanceNormalization"}
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node(inputs=["c", "scale", "bias"], outputs=["n"], **norm),
             helper.make_node("Relu", ["n"], ["r"]), helper.make_node("Conv", ["r", "v"], ["y"])]
    feeds = {"x": (random.standard_normal(shape) + 3).astype(np.float32)}
    model = model_of(nodes, {"x": list(shape)}, ["y"], constants, 21 if groups else 17)
    check(model, feeds)
    check(model_of(nodes, {"x": ["n", channels, *"abc"[:rank]]}, ["y"], constants, 21 if groups else 17), feeds)


@pytest.mark.parametrize("case", PRODUCTS, ids=str)
def test_products(case):
    rows, depth, columns = case
    random = np.random.default_rng(2)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["s"]), helper.make_node("Tanh", ["s"], ["y"])]
    model = model_of(nodes, {"x": [1, rows, depth]}, ["y"], {"w": (random.standard_normal((depth, columns)) / depth**0.5).astype(np.float32),
                                                             "b": random.standard_normal(columns).astype(np.float32)})
    check(model, {"x": random.standard_normal((1, rows, depth)).astype(np.float32)})


@pytest.mark.parametrize("left, right", [("uint8", "int8"), ("int8", "int8"), ("uint8", "uint8"), ("int8", "uint8")])
@pytest.mark.parametrize("rows, depth, columns, constant", [(37, 65, 40, True), (1, 130, 200, True), (20, 64, 33, False), (9, 1, 17, True), ("n", 48, 70, True)])
def test_products_of_bytes(left, right, rows, depth, columns, constant):
    """Exact, with zero points at the ends of their range, which the differences exceed; inner sizes that pairs do not divide."""
    random = np.random.default_rng(14)
    zero = {"uint8": (0, 255), "int8": (-128, 127)}
    known = 21 if rows == "n" else rows
    a, b = (random.integers(*zero[kind], shape, endpoint=True).astype(kind) for kind, shape in ((left, (known, depth)), (right, (depth, columns))))
    a[:, 0], b[0] = zero[left][0], zero[right][0]
    constants = {"za": np.array(zero[left][1], left), "zb": random.integers(*zero[right], columns, endpoint=True).astype(right)}
    constants["zb"][0] = zero[right][1]
    if constant: constants["b"] = b
    element = helper.np_dtype_to_tensor_dtype
    inputs = [helper.make_tensor_value_info("a", element(a.dtype), [rows, depth])]
    if not constant: inputs.append(helper.make_tensor_value_info("b", element(b.dtype), b.shape))
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])], "g", inputs,
                              [helper.make_tensor_value_info("y", TensorProto.INT32, None)], [numpy_helper.from_array(v, n) for n, v in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    wanted = (a.astype(np.int64) - constants["za"]) @ (b.astype(np.int64) - constants["zb"])
    for target in TARGETS:
        for threads in (1, 2):
            found = tw.compile(model, target=target, threads=threads).run({"a": a} if constant else {"a": a, "b": b})["y"].numpy()
            np.testing.assert_array_equal(found, wanted, err_msg=target)


@pytest.mark.parametrize("channels, outputs, groups, kernel, stride, side", [(3, 20, 1, 7, 2, 30), (64, 32, 1, 3, 1, 14), (16, 24, 1, 1, 1, 9),
                                                                            (24, 24, 24, 3, 1, 12), (12, 8, 2, 3, 1, 10), (6, 4, 2, 3, 1, 10)])
def test_convolutions_of_bytes(channels, outputs, groups, kernel, stride, side):
    """Exact: channels in pairs, an odd number of them, groups that pairs would cross; padding is the zero point."""
    random = np.random.default_rng(15)
    x = random.integers(0, 255, (1, channels, side, side), endpoint=True).astype(np.uint8)
    w = random.integers(-128, 127, (outputs, channels // groups, kernel, kernel), endpoint=True).astype(np.int8)
    node = helper.make_node("ConvInteger", ["x", "w", "z"], ["y"], pads=[kernel // 2] * 4, strides=[stride] * 2, group=groups)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.UINT8, x.shape)],
                              [helper.make_tensor_value_info("y", TensorProto.INT32, None)],
                              [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.array(200, np.uint8), "z")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    reference = model_of([helper.make_node("Conv", ["x", "w"], ["y"], pads=[kernel // 2] * 4, strides=[stride] * 2, group=groups)],
                         {"x": list(x.shape)}, ["y"], {"w": w.astype(np.float32)})
    wanted = onnxruntime.InferenceSession(reference, providers=["CPUExecutionProvider"]).run(None, {"x": x.astype(np.float32) - 200})[0]
    for target in TARGETS:
        for threads in (1, 2):
            found = tw.compile(model, target=target, threads=threads).run({"x": x})["y"].numpy()
            np.testing.assert_array_equal(found, wanted.astype(np.int32), err_msg=target)


@pytest.mark.parametrize("rows, depth, columns", [(64, 512, 700), (130, 700, 701), (3, 600, 600), (256, 1024, 1024)])
def test_products_of_two_inputs(rows, depth, columns):
    """A second operand beyond the cache is copied into panels during the run, if there are rows enough."""
    random = np.random.default_rng(7)
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": [2, rows, depth], "w": [2, depth, columns]}, ["y"], {})
    check(model, {"x": random.standard_normal((2, rows, depth)).astype(np.float32),
                  "w": (random.standard_normal((2, depth, columns)) / depth**0.5).astype(np.float32)})


@pytest.mark.parametrize("operator", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("channels, side, kernel, stride", [(1, 5, 5, 1), (1, 9, 3, 1), (5, 13, 3, 2), (17, 12, 3, 1), (64, 15, 3, 2), (20, 7, 7, 1)])
def test_pools(operator, channels, side, kernel, stride):
    """Windows that overlap within vectors wider than what is left of a row."""
    nodes = [helper.make_node(operator, ["x"], ["y"], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)]
    model = model_of(nodes, {"x": [2, channels, side, side]}, ["y"], {})
    check(model, {"x": np.random.default_rng(8).standard_normal((2, channels, side, side)).astype(np.float32)})


@pytest.mark.parametrize("operator", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("shape, kernel, strides, pads, extra", [
    ((2, 5, 31, 57), (3, 3), (2, 2), (1, 1, 1, 1), {}),
    ((1, 3, 33, 64), (2, 2), (2, 2), (0, 0, 0, 0), {}),
    ((1, 2, 20, 61), (3, 5), (1, 3), (0, 2, 1, 1), {}),
    ((1, 2, 20, 61), (5, 2), (3, 1), (2, 0, 2, 1), {}),
    ((1, 4, 17, 80), (4, 4), (4, 4), (0, 0, 0, 0), {}),
    ((1, 2, 30, 131), (7, 7), (7, 8), (0, 0, 0, 0), {}),
    ((1, 2, 30, 131), (3, 9), (2, 9), (1, 4, 1, 4), {}),
    ((1, 2, 29, 45), (3, 3), (2, 2), (1, 1, 1, 1), {"ceil_mode": 1}),
    ((1, 7, 100), (3,), (2,), (1, 1), {}),
    ((3, 2, 1000), (5,), (5,), (0, 0), {}),
    ((1, 2, 7, 12, 35), (2, 2, 2), (2, 2, 2), (0,) * 6, {}),
    ((1, 2, 7, 12, 35), (3, 3, 3), (1, 2, 2), (1,) * 6, {}),
    ((1, 3, 11, 4), (3, 3), (2, 2), (1, 1, 1, 1), {}),
    ((1, 3, 40, 5), (2, 2), (2, 2), (0, 0, 0, 0), {})], ids=str)
def test_pools_with_strides(operator, shape, kernel, strides, pads, extra):
    """Channels first: vectors lie along the innermost axis, whose elements are read with gaps. Also of unknown sizes."""
    node = helper.make_node(operator, ["x"], ["y"], kernel_shape=kernel, strides=strides, pads=pads, **extra)
    feeds = {"x": np.random.default_rng(8).standard_normal(shape).astype(np.float32)}
    check(model_of([node], {"x": list(shape)}, ["y"], {}), feeds)
    check(model_of([node], {"x": ["n", shape[1], *"abc"[:len(kernel)]]}, ["y"], {}), feeds)


@pytest.mark.parametrize("kind", ["uint8", "int8", "float64", "float16"])
def test_pools_with_strides_of_other_elements(kind):
    """Elements of one, two and eight bytes, with NaN among floats."""
    x = (np.random.default_rng(8).standard_normal((1, 3, 21, 150)) * 40).astype(kind)
    if x.dtype.kind == "f": x[0, 1, 5, ::17] = np.nan
    for stride in (2, 3, 5):
        windows = np.lib.stride_tricks.sliding_window_view(x, (2, 4), (2, 3))[:, :, ::2, ::stride]
        model = onnx.load_from_string(model_of([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 4], strides=[2, stride])], {"x": list(x.shape)}, ["y"], {}))
        for value in (model.graph.input[0], model.graph.output[0]): value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(x.dtype)
        for target in TARGETS:
            found = tw.compile(model.SerializeToString(), target=target).run({"x": x})["y"].numpy()
            np.testing.assert_array_equal(found, windows.max((-2, -1)), err_msg=target)


@pytest.mark.parametrize("shape", [(5, 7, 9, 11, 13), (3, 5, 7, 9, 11, 6), (6, 50, 3)], ids=str)
def test_what_is_read_with_gaps(shape):
    """Slices with steps, turned round, the same along other axes; sums and largest elements of few neighbours; casts of all of it."""
    x = np.random.default_rng(9).standard_normal(shape).astype(np.float32)
    axis = len(shape) - 1
    for first, last, step in ((0, 1000, 2), (1, 1000, 3), (-1, -1000, -1)):
        bounds = {k: np.array([v], np.int64) for k, v in (("b", first), ("e", last), ("a", axis), ("s", step))}
        check(model_of([helper.make_node("Slice", ["x", "b", "e", "a", "s"], ["y"])], {"x": list(shape)}, ["y"], bounds), {"x": x})
    check(model_of([helper.make_node("ReduceMax", ["x"], ["y"], axes=[axis])], {"x": list(shape)}, ["y"], {}), {"x": x})
    check(model_of([helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), helper.make_node("Cast", ["h"], ["y"], to=TensorProto.FLOAT)],
                   {"x": list(shape)}, ["y"], {}), {"x": x})


@pytest.mark.parametrize("nodes, columns", [
    ([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1, 2], strides=[1, 2])], 64),
    ([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[1, 3], strides=[1, 3])], 93),
    ([helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 5], strides=[1, 5])], 1085),
    ([helper.make_node("Slice", ["x", "b", "e", "a", "s"], ["y"])], 63),
    ([helper.make_node("Slice", ["x", "b", "e", "a", "s"], ["y"])], 64)], ids=lambda v: v[0].op_type if isinstance(v, list) else v)
def test_nothing_behind_the_last_element_is_read(nodes, columns):
    """Vectors of which only some elements count end where the array ends: the page behind it cannot be read."""
    page = mmap.PAGESIZE
    room = mmap.mmap(-1, 4 * page)
    base = ctypes.addressof(ctypes.c_char.from_buffer(room))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(base + 3 * page), page, 0) == 0
    try:
        x = np.frombuffer(room, np.float32, 2 * columns, 3 * page - 8 * columns).reshape(1, 1, 2, columns)
        x[...] = np.random.default_rng(10).standard_normal(x.shape)
        bounds = {k: np.array([v], np.int64) for k, v in (("b", 0), ("e", 5000), ("a", 3), ("s", 2))} if len(nodes[0].input) > 1 else {}
        model = model_of(nodes, {"x": list(x.shape)}, ["y"], bounds)
        expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x.copy()})[0]
        for target in TARGETS:
            np.testing.assert_allclose(tw.compile(model, target=target).run({"x": x})["y"].numpy(), expected, atol=1e-5)
    finally:
        protect(ctypes.c_void_p(base + 3 * page), page, 3)


@pytest.mark.parametrize("operator, direction, batch, inputs, hidden", [
    ("LSTM", "forward", 1, 7, 5), ("LSTM", "reverse", 3, 20, 33), ("LSTM", "bidirectional", 7, 8, 40), ("LSTM", "forward", 16, 24, 96),
    ("GRU", "forward", 4, 16, 64), ("GRU", "bidirectional", 5, 5, 16), ("GRU", "reverse", 19, 5, 20), ("RNN", "bidirectional", 6, 9, 64)])
@pytest.mark.parametrize("shorter", [False, True])
def test_recurrent_cells(operator, direction, batch, inputs, hidden, shorter):
    """Samples that take their steps together, of equal and of different lengths; also of an unknown number."""
    random = np.random.default_rng(13)
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[operator]
    steps, directions, results = 6, 2 if direction == "bidirectional" else 1, ["y", "h", "c"][:3 if gates == 4 else 2]
    constants = {"w": random.standard_normal((directions, gates * hidden, inputs)), "r": random.standard_normal((directions, gates * hidden, hidden)),
                 "b": random.standard_normal((directions, 2 * gates * hidden))}
    constants = {n: (v / hidden**0.5).astype(np.float32) for n, v in constants.items()}
    if shorter: constants["l"] = random.integers(1, steps + 1, batch).astype(np.int32)
    feeds = {"x": random.standard_normal((steps, batch, inputs)).astype(np.float32),
             "s": random.standard_normal((directions, batch, hidden)).astype(np.float32)}
    extra = {"linear_before_reset": int(shorter)} if gates == 3 else {}
    node = helper.make_node(operator, ["x", "w", "r", "b", "l" if shorter else "", "s"], results, hidden_size=hidden, direction=direction, **extra)
    for size in (batch,) if shorter else (batch, "n"):
        model = model_of([node], {"x": [steps, size, inputs], "s": [directions, size, hidden]}, results, constants)
        expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feeds)
        for target in TARGETS:
            one, two = (tw.compile(model, target=target, threads=n).run(feeds) for n in (1, 2))
            for name, wanted in zip(results, expected):
                np.testing.assert_allclose(one[name].numpy(), wanted, atol=1e-5, err_msg=f"{target} {name}")
                np.testing.assert_array_equal(one[name].numpy(), two[name].numpy())


@pytest.mark.parametrize("heads, queries, keys, size", [(2, 37, 37, 16), (3, 128, 128, 32), (1, 5, 70, 64), (4, 200, 33, 24), (4, 20, 256, 8),
                                                         (8, 1, 300, 16), (1, 300, 300, 16), (6, 49, 49, 32), (2, 3, 2, 1)])
@pytest.mark.parametrize("forbidden", [0, -100, -np.inf])
def test_attention(heads, queries, keys, size, forbidden):
    """Two products with a softmax between them, as exporters spell attention: any sizes, keys in rows, masks that forbid some keys."""
    random = np.random.default_rng(3)
    nodes = [helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 3, 1]), helper.make_node("MatMul", ["q", "kt"], ["s"]),
             helper.make_node("Mul", ["s", "scale"], ["t"]), helper.make_node("Add", ["t", "mask"], ["u"]),
             helper.make_node("Softmax", ["u"], ["w"], axis=-1), helper.make_node("MatMul", ["w", "v"], ["y"])]
    shapes = {"q": [1, heads, queries, size], "k": [1, keys, heads, size], "v": [1, heads, keys, size], "mask": [1, 1, queries, keys]}
    model = model_of(nodes, shapes, ["y"], {"scale": np.float32(size**-0.5).reshape(())})
    feeds = {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    if forbidden: feeds["mask"] = np.where(random.random(shapes["mask"]) < 0.3, np.float32(forbidden), np.float32(0))
    feeds["mask"][..., 0] = 0
    check(model, feeds)


def test_attention_of_any_number_of_tokens():
    """One compilation, sizes of the run: keys that fill no vector, one, many, none."""
    random = np.random.default_rng(6)
    nodes = [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Softmax", ["s"], ["w"], axis=-1), helper.make_node("MatMul", ["w", "v"], ["y"])]
    for heads in (1, 6):
        model = model_of(nodes, {"q": [heads, "n", 24], "k": [heads, 24, "m"], "v": [heads, "m", 20]}, ["y"], {})
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        compiled = {(target, threads): tw.compile(model, target=target, threads=threads) for target in TARGETS for threads in (1, 2)}
        for n, m in ((5, 7), (1, 16), (40, 1), (33, 130), (64, 64), (3, 0), (0, 5)):
            feeds = {"q": random.standard_normal((heads, n, 24)).astype(np.float32), "k": random.standard_normal((heads, 24, m)).astype(np.float32),
                     "v": random.standard_normal((heads, m, 20)).astype(np.float32)}
            wanted = session.run(None, feeds)[0]
            for target in TARGETS:
                one, two = (compiled[target, threads].run(feeds)["y"].numpy() for threads in (1, 2))
                np.testing.assert_allclose(one, wanted, atol=1e-5, err_msg=f"{target} {n} {m}")
                np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 15, 16, 17, 49, 96, 100, 130, 144, 197, 288, 1000])
def test_rows(width):
    """Softmax, largest elements, and layer norm over rows of any width, with an infinity."""
    random = np.random.default_rng(4)
    x = random.standard_normal((5, width)).astype(np.float32)
    x[2, width // 2] = -np.inf if width > 1 else 0
    nodes = [helper.make_node("Softmax", ["x"], ["a"], axis=-1), helper.make_node("ReduceMax", ["x"], ["b"], axes=[1]),
             helper.make_node("LayerNormalization", ["a", "scale"], ["c"], axis=-1, epsilon=1e-3)]
    model = model_of(nodes, {"x": [5, width]}, ["a", "b", "c"], {"scale": random.standard_normal(width).astype(np.float32)})
    check(model, {"x": x})


@pytest.mark.parametrize("shape, order", [((33, 40), (1, 0)), ((2, 16, 35), (0, 2, 1)), ((3, 17, 5, 20), (0, 3, 2, 1)), ((64, 64), (1, 0)),
                                          ((2, 3, 50, 16), (3, 0, 2, 1)), ((1, 7, 9, 100), (0, 3, 1, 2)), ((20, 3, 18), (2, 1, 0)),
                                          ((1, 3, 20, 33), (0, 2, 3, 1)), ((2, 4, 5, 16), (0, 2, 3, 1)), ((2, 50), (1, 0))])
def test_transposes(shape, order):
    """Squares that are turned in registers, and what is left beside them."""
    model = model_of([helper.make_node("Transpose", ["x"], ["y"], perm=order)], {"x": list(shape)}, ["y"], {})
    check(model, {"x": np.random.default_rng(5).standard_normal(shape).astype(np.float32)})


@pytest.mark.parametrize("channels, height, width", [(24, 9, 11), (64, 28, 28), (130, 5, 7), (16, 1, 1)])
def test_results_in_the_memory_of_operands(channels, height, width):
    """Residual blocks: sums that may take the residual's place, one whose residual is needed again, one that reads it in another order."""
    random = np.random.default_rng(13)
    constants = {n: (random.standard_normal((channels, channels, k, k)) / (channels * k * k)**0.5).astype(np.float32) for n, k in zip("uvwz", (1, 3, 1, 3))}
    nodes = [helper.make_node("Conv", ["x", "u"], ["a"]), helper.make_node("Conv", ["a", "v"], ["b"], pads=[1] * 4),
             helper.make_node("Add", ["b", "a"], ["c"]), helper.make_node("Relu", ["c"], ["d"]),
             helper.make_node("Conv", ["d", "w"], ["e"]), helper.make_node("Mul", ["e", "d"], ["f"]),
             helper.make_node("Conv", ["f", "z"], ["g"], pads=[1] * 4), helper.make_node("Sub", ["g", "f"], ["h"]), helper.make_node("Add", ["h", "d"], ["i"]),
             helper.make_node("Tanh", ["i"], ["j"]), helper.make_node("Transpose", ["j"], ["k"], perm=[0, 1, 3, 2]),
             helper.make_node("Reshape", ["k", "like"], ["l"]), helper.make_node("Add", ["j", "l"], ["m"]), helper.make_node("Conv", ["m", "u"], ["y"])]
    feeds = {"x": random.standard_normal((2, channels, height, width)).astype(np.float32)}
    check(model_of(nodes, {"x": [2, channels, height, width]}, ["y"], constants | {"like": np.array([0, 0, height, width])}), feeds)
    check(model_of(nodes, {"x": ["n", channels, height, width]}, ["y"], constants | {"like": np.array([0, 0, height, width])}), feeds)


@pytest.mark.parametrize("shape", [(2, 0, 4), (0, 3, 4), (2, 3, 0), (2, 0, 0)])
def test_sums_of_nothing(shape):
    """Reductions over the last axis, of a few elements or none, for as many results or none."""
    model = model_of([helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)], {"x": list(shape)}, ["y"], {"axes": np.array([2])})
    for target in TARGETS:
        assert np.array_equal(tw.compile(model, target=target)(np.ones(shape, np.float32)), np.zeros((*shape[:2], 1), np.float32))


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("read", [False, True], ids=["result", "read"])
def test_parts_over_sizes_of_the_run(axis, read):
    """Concatenations in place along any axis, of sizes that only the run knows: convolutions write their parts, others read the whole with its
    borders, or it is the model's result."""
    random = np.random.default_rng(17)
    weights = {n: (random.standard_normal((24, 24, 1, 1)) / 5).astype(np.float32) for n in "uv"}
    weights["k"] = random.standard_normal((48 if axis == 1 else 24, 1, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "u"], ["a"]), helper.make_node("Conv", ["z", "v"], ["b"]),
             helper.make_node("Concat", ["a", "b", "a"] if axis == 0 and not read else ["a", "b"], ["c"], axis=axis)]
    if read: nodes += [helper.make_node("Relu", ["c"], ["d"]),
                       helper.make_node("Conv", ["d", "k"], ["y"], group=len(weights["k"]), pads=[1, 0, 2, 1])]
    nodes[-1].output[0] = "y"
    shapes = {"x": ["n", 24, "h", "w"], "z": ["n", 24, "h", "w"]}
    if axis != 1: shapes["z"][axis] = "m"
    model = model_of(nodes, shapes, ["y"], weights if read else {n: weights[n] for n in "uv"})
    for sizes in ({"n": 1, "h": 9, "w": 7, "m": 5}, {"n": 3, "h": 33, "w": 40, "m": 2}, {"n": 2, "h": 1, "w": 2, "m": 1}):
        check(model, {n: random.standard_normal([sizes.get(s, s) for s in shape]).astype(np.float32) for n, shape in shapes.items()})

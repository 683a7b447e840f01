# SPDX-License-Identifier: Apache-2.0
"""Writes small ONNX models that use every part of the format which the reader reads: seeds for the fuzzer, files for tests.

usage: make_corpus.py FOLDER"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def value(name, shape, element=FLOAT):
    return helper.make_tensor_value_info(name, element, shape)


def model(nodes, inputs, outputs, initializers=(), functions=(), opset=17, **graph):
    made = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers), **graph)
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in sorted({f.domain for f in functions})]
    return helper.make_model(made, opset_imports=imports, functions=list(functions), ir_version=10)


def plain():
    weights = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"], name="matmul"), helper.make_node("Relu", ["m"], ["y"], name="relu")]
    return model(nodes, [value("x", ["batch", 2])], [value("y", ["batch", 3])], [weights], value_info=[value("m", ["batch", 3])])


def encodings():
    """A tensor in each typed list, and each element type in raw bytes."""
    tensors, nodes = [], []
    typed = [FLOAT, TensorProto.DOUBLE, TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16, TensorProto.INT32,
             TensorProto.INT64, TensorProto.UINT32, TensorProto.UINT64, TensorProto.BOOL, TensorProto.FLOAT16, TensorProto.BFLOAT16]
    for element in typed:
        tensors.append(helper.make_tensor(f"typed{element}", element, [2, 2], [0, 1, 1, 0]))
    for kind in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"):
        tensors.append(numpy_helper.from_array(np.ones((2, 2), kind), f"raw_{kind}"))
    tensors.append(helper.make_tensor("text", TensorProto.STRING, [2], ["a", "b"]))
    tensors.append(helper.make_tensor("small", TensorProto.INT4, [3], [1, 2, 3]))
    for tensor in tensors:
        nodes.append(helper.make_node("Identity", [tensor.name], [tensor.name + "_out"]))
    return model(nodes, [value("x", [])], [value(nodes[0].output[0], None)], tensors)


def attributes():
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["i"])], "inner", [], [value("i", None)])
    node = helper.make_node("Everything", ["x", ""], ["y", "", "z"], domain="custom", f=1.5, i=3, s="text", fs=[1.0, 2.0], iz=[1, 2],
                            ss=["a", "b"], t=numpy_helper.from_array(np.ones(2, np.float32)), g=inner, gs=[inner, inner],
                            ts=[numpy_helper.from_array(np.ones(1, np.int64))], tp=helper.make_tensor_type_proto(FLOAT, [1, "n"]))
    made = model([node], [value("x", [1])], [value("y", None)])
    made.opset_import.append(helper.make_opsetid("custom", 1))
    return made


def subgraphs():
    """An If whose branches read the outer graph, a Loop with carried values, nodes out of order."""
    then = helper.make_graph([helper.make_node("Add", ["x", "x"], ["then_y"])], "then", [], [value("then_y", [2])])
    other = helper.make_graph([helper.make_node("Neg", ["late"], ["else_y"])], "else", [], [value("else_y", [2])])
    body_inputs = [value("step", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("state", [2])]
    body_nodes = [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["state", "y"], ["next"])]
    body = helper.make_graph(body_nodes, "body", body_inputs, [value("go_on", [], TensorProto.BOOL), value("next", [2])])
    nodes = [
        helper.make_node("If", ["c"], ["y"], name="choose", then_branch=then, else_branch=other),
        helper.make_node("Relu", ["x"], ["late"]),
        helper.make_node("Loop", ["count", "", "y"], ["z"], name="repeat", body=body),
    ]
    count = helper.make_tensor("count", TensorProto.INT64, [], [3])
    return model(nodes, [value("x", [2]), value("c", [], TensorProto.BOOL)], [value("z", [2])], [count])


def functions():
    """A function that calls another twice, with attributes passed on and one left to its default."""
    slope = helper.make_node("LeakyRelu", ["a"], ["b"])
    slope.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    leaky = helper.make_function("local", "Leaky", ["a"], ["b"], [slope], [helper.make_opsetid("", 17)], ["slope"])
    first = helper.make_node("Leaky", ["p"], ["q"], domain="local", name="first", slope=0.5)
    second = helper.make_node("Leaky", ["q"], ["r"], domain="local", name="second")
    second.attribute.append(onnx.AttributeProto(name="slope", ref_attr_name="gain", type=onnx.AttributeProto.FLOAT))
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    twice = helper.make_function("local", "Twice", ["p"], ["r"], [first, second], imports, [],
                                 attribute_protos=[helper.make_attribute("gain", 0.25)])
    nodes = [helper.make_node("Twice", ["x"], ["h"], domain="local", name="one"),
             helper.make_node("Twice", ["h"], ["y"], domain="local", name="two", gain=0.75)]
    return model(nodes, [value("x", ["n"])], [value("y", ["n"])], functions=[leaky, twice])


def types():
    inputs = [helper.make_tensor_sequence_value_info("s", TensorProto.INT64, [None]),
              helper.make_value_info("o", helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, ["n"]))),
              helper.make_value_info("m", helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, [])))]
    return model([helper.make_node("SequenceAt", ["s", "i"], ["y"])], [*inputs, value("i", [], TensorProto.INT64)], [value("y", None)])


MODELS = {f.__name__: f for f in (plain, encodings, attributes, subgraphs, functions, types)}


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MODELS.items():
        onnx.save(make(), folder / f"{name}.onnx")


if __name__ == "__main__":
    main(sys.argv[1])

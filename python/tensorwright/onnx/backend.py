# SPDX-License-Identifier: Apache-2.0
"""The interface onnx.backend.base.Backend over tensorwright.compile, as ONNX's conformance tests use it.

    import tensorwright as tw
    tw.onnx.backend.prepare(onnx.load("model.onnx")).run([x])
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import onnx
import onnx.checker
import onnx.shape_inference
from onnx.backend.base import Backend, BackendRep, namedtupledict

from ..compiler import compile as compile_model
from ..errors import UnsupportedError, UserError
from ..frontend.onnx import load_bytes
from ..model import Model
from .functions import expand_functions


class TensorwrightRep(BackendRep):
    """A compiled model. Inputs that decide how the code must be (axes, the number of iterations) are taken from each run: the model is
    compiled once for each of their values."""

    _MOST_KEPT = 16

    def __init__(self, model: onnx.ModelProto, options: Mapping[str, Any]):
        initialised = {tensor.name for tensor in model.graph.initializer}
        self._names = [value.name for value in model.graph.input if value.name not in initialised]
        self._bytes = expand_functions(model).SerializeToString()
        self._options = dict(options)
        self._decisive: tuple[str, ...] = ()
        self._compiled: dict[tuple[Any, ...], Model] = {}
        self._outputs = namedtupledict("Outputs", [value.name for value in model.graph.output])
        try:
            self._for_values({})
        except UnsupportedError:
            if not self._decisive:
                raise

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Inputs as a sequence in the model's order, by name, or a single array; outputs as NumPy arrays, also by name."""
        if isinstance(inputs, Mapping):
            given = dict(inputs)
        else:
            values = list(inputs) if isinstance(inputs, Sequence) else [inputs]
            if len(values) > len(self._names):
                raise UserError(f"expected {len(self._names)} inputs, found {len(values)}")
            given = dict(zip(self._names, values))
        missing = [name for name in self._decisive if name not in given]
        if missing:
            raise UserError(f"expected a value for the input {missing[0]!r}, found none")
        model = self._for_values(given)
        taken = {name: value for name, value in given.items() if name not in self._decisive}
        return self._outputs(*(output.numpy() for output in model.run(taken).values()))

    def _for_values(self, given: Mapping[str, Any]) -> Model:
        while True:
            values = {name: numpy.asarray(given[name]) for name in self._decisive}
            key = tuple((value.shape, value.dtype.str, value.tobytes()) for value in values.values())
            if key in self._compiled:
                return self._compiled[key]
            wanted: set[str] = set()
            try:
                model = compile_model(load_bytes(self._bytes, values=values, wanted=wanted), **self._options)
            except UnsupportedError:
                more = wanted.difference(self._decisive)
                self._decisive = tuple(sorted({*self._decisive, *more}))
                if not more or not more.issubset(given):
                    raise
                continue
            while len(self._compiled) >= self._MOST_KEPT:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[key] = model
            return model


class TensorwrightBackend(Backend):
    """Compiles for the processor."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> TensorwrightRep:
        """`kwargs` go to tensorwright.compile."""
        if not cls.supports_device(device):
            raise UserError(f"expected the device CPU, found {device!r}")
        super().prepare(model, device)
        return TensorwrightRep(model, kwargs)

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
                 **kwargs: Any) -> tuple[Any, ...]:
        """Runs one node as a model of its own. `outputs_info`: element type and shape of each output, where they cannot be inferred."""
        options = {key: value for key, value in kwargs.items() if key != "opset_version"}
        opset = kwargs.get("opset_version", onnx.defs.onnx_opset_version())
        super().run_node(node, inputs, device, outputs_info, opset_version=opset)
        names = [name for name in node.input if name]
        values = [inputs[name] for name in names] if isinstance(inputs, Mapping) else list(inputs)
        arrays = [numpy.asarray(value) for value in values]
        return cls.run_model(_model_of(node, names, arrays, outputs_info, opset), arrays, device, **options)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.partition(":")[0] == "CPU"

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        return cls.supports_device(device)


def _model_of(node, names, arrays, outputs_info, opset):
    def describe(name, dtype, shape):
        return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype)), shape)

    if len(names) != len(set(names)) or len(names) != len(arrays):
        raise UserError(f"operator {node.op_type}: expected one array for each of the inputs {names}, found {len(arrays)}")
    inputs = [describe(name, array.dtype, array.shape) for name, array in zip(names, arrays)]
    outputs = [name for name in node.output if name]
    if outputs_info is None:
        results = [onnx.ValueInfoProto(name=name) for name in outputs]
    else:
        results = [describe(name, dtype, shape) for name, (dtype, shape) in zip(outputs, outputs_info)]
    graph = onnx.helper.make_graph([node], node.op_type, inputs, results)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_operatorsetid(node.domain, opset)])
    return model if outputs_info is not None else onnx.shape_inference.infer_shapes(model, strict_mode=True)


prepare = TensorwrightBackend.prepare
run_model = TensorwrightBackend.run_model
run_node = TensorwrightBackend.run_node
supports_device = TensorwrightBackend.supports_device
is_compatible = TensorwrightBackend.is_compatible

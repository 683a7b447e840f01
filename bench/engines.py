# SPDX-License-Identifier: Apache-2.0
"""What is measured: one class for each engine, and the process that runs one engine on one model.

The process answers on its standard output, one line of JSON for each line that it reads: first the compile time, then the times of each round.
It imports its engine and nothing else that is large, so that its peak memory is the engine's.
"""
from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
import time
from pathlib import Path

import models


class Tensorwright:
    package, short = "tensorwright", "tensorwright"

    def __init__(self, path: str, threads: int):
        import tensorwright

        self.model = tensorwright.compile(path, threads=threads)  # TENSORWRIGHT_CACHE says whether this is a first compile

    def run(self, feeds):
        return [tensor.numpy() for tensor in self.model.run(feeds).values()]


class OnnxRuntime:
    package, short = "onnxruntime", "onnxruntime"

    def __init__(self, path: str, threads: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, feeds):
        return self.session.run(None, feeds)


class OpenVino:
    package, short = "openvino", "openvino"

    def __init__(self, path: str, threads: int):
        import openvino

        # float32 as the others: its default may be a narrower type.
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(threads)}
        core = openvino.Core()
        self.model = core.compile_model(core.read_model(path), "CPU", settings)
        self.request = self.model.create_infer_request()

    def run(self, feeds):
        self.request.infer(feeds, share_inputs=True, share_outputs=True)
        return [self.request.get_output_tensor(i).data for i in range(len(self.model.outputs))]


ENGINES = {engine.short: engine for engine in (Tensorwright, OnnxRuntime, OpenVino)}


def installed(name: str) -> bool:
    return importlib.util.find_spec(ENGINES[name].package) is not None


def compile_once(name: str, path: str, threads: int) -> None:
    """Prints how long the engine takes from the file to something that runs; imports are not counted."""
    __import__(ENGINES[name].package)
    start = time.perf_counter()
    ENGINES[name](path, threads)
    print(json.dumps(time.perf_counter() - start))


def make_feeds(path: str, file: str) -> None:
    """Writes inputs for a model: noise for numbers, small numbers for indices, ones for masks. Symbolic sizes are 1, if sizes.json gives the input
    neither a shape nor a value."""
    import numpy
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    noise, feeds, constants = numpy.random.default_rng(0), {}, {tensor.name for tensor in graph.initializer}
    known = json.loads((Path(__file__).parent / "sizes.json").read_text()).get(models.label(Path(path)), {})
    for port in graph.input:
        if port.name in constants:
            continue
        kind = onnx.helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type)
        given = known.get(port.name)
        if isinstance(given, int):
            feeds[port.name] = numpy.array(given, kind)
            continue
        shape = given or [max(dimension.dim_value, 1) for dimension in port.type.tensor_type.shape.dim]
        if numpy.issubdtype(kind, numpy.floating):
            feeds[port.name] = noise.standard_normal(shape).astype(kind)
        elif "mask" in port.name:
            feeds[port.name] = numpy.ones(shape, kind)
        else:
            feeds[port.name] = noise.integers(0, 100, shape).astype(kind)
    numpy.savez(file, **feeds)


def serve(name: str, path: str, threads: int, feeds_file: str, outputs_file: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what engines print goes to the log
    import numpy

    with numpy.load(feeds_file) as stored:
        feeds = dict(stored)
    __import__(ENGINES[name].package)
    start = time.perf_counter()
    engine = ENGINES[name](path, threads)
    compiled = time.perf_counter()
    outputs = [numpy.array(output) for output in engine.run(feeds)]
    first = time.perf_counter() - compiled
    numpy.savez(outputs_file, *outputs)
    print(json.dumps({"compile_seconds": compiled - start, "first_seconds": first}), file=answers, flush=True)
    for line in sys.stdin:
        times: list[float] = []
        engine.run(feeds)  # the others have had the caches meanwhile
        end = time.perf_counter() + float(line)
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            engine.run(feeds)
            times.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        print(json.dumps({"seconds": times, "peak_bytes": peak}), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "feeds":
        make_feeds(*sys.argv[2:])
    elif sys.argv[1] == "compile":
        compile_once(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])

# SPDX-License-Identifier: Apache-2.0
"""Compiled models: load, call, describe, profile. Needs the runtime only, not the compiler."""
from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _runtime
from ._runtime import Port, Tensor, devices as devices
from .errors import UserError


@dataclass(frozen=True)
class Symbol:
    """A symbolic dimension of a model; `maximum` None means unbounded."""

    name: str
    minimum: int
    maximum: int | None
    multiple: int


@dataclass(frozen=True)
class Launch:
    """One kernel launch of a profile: which nodes of the model it stands for, and its time beside the one predicted for one thread."""

    kernel: str
    origin: str
    shape: str
    seconds: float
    predicted_seconds: float
    flops: float
    bytes: float

    @property
    def gflops(self) -> float:
        """Billions of floating-point operations a second."""
        return self.flops / self.seconds * 1e-9 if self.seconds > 0 else 0.0

    @property
    def gigabytes(self) -> float:
        """Billions of bytes moved a second."""
        return self.bytes / self.seconds * 1e-9 if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Profile:
    """Medians over the runs: of each launch, and of the whole run."""

    launches: tuple[Launch, ...]
    seconds: float
    runs: int

    def __str__(self) -> str:
        lines = [f"{'ms':>10} {'predicted':>10} {'GFLOP/s':>9} {'GB/s':>7}  kernel"]
        for launch in self.launches:
            lines.append(f"{launch.seconds * 1e3:10.4f} {launch.predicted_seconds * 1e3:10.4f} {launch.gflops:9.1f} {launch.gigabytes:7.1f}  "
                         f"{launch.origin or launch.kernel} {launch.shape}".rstrip())
        return "\n".join([*lines, f"{self.seconds * 1e3:10.4f} ms, the median of {self.runs} runs"])


class Model:
    """A compiled model. Made by `tensorwright.compile` and `tensorwright.load`; may be called from many threads at once."""

    def __init__(self, executable: _runtime.Executable, compiled: Any = None):
        self._executable = executable
        self._compiled = compiled

    @property
    def name(self) -> str:
        return self._executable.name

    @property
    def inputs(self) -> tuple[Port, ...]:
        return self._executable.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        return self._executable.outputs

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        return tuple(Symbol(*fields) for fields in self._executable.symbols)

    @property
    def target(self) -> str:
        return self._executable.target

    @property
    def threads(self) -> int:
        """The most threads that a run uses: short ones use the caller alone."""
        return self._executable.threads

    def __call__(self, *inputs: Any) -> Tensor | tuple[Tensor, ...]:
        """Runs the model on inputs in its order: one output as it is, several as a tuple. Python numbers and lists become arrays of the declared
        type; arrays stay as they are, so that a wrong type is an error."""
        outputs = self._executable.run(inputs)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Runs the model on inputs by name; outputs by name, in the model's order."""
        return self._executable.run_named(inputs)

    def profile(self, inputs: Mapping[str, Any] | Sequence[Any], runs: int = 10, warm_up: int = 2) -> Profile:
        """Runs the model repeatedly and measures each kernel launch."""
        if runs < 1 or warm_up < 0:
            raise UserError(f"expected at least 1 run and no negative warm-up, found runs={runs}, warm_up={warm_up}")
        timings = self._executable.profile(inputs, runs, warm_up)
        launches = []
        for index, (kernel, origin, shape, flops, moved, predicted) in enumerate(timings.kernels):
            seconds = statistics.median(run[index] for run in timings.launches)
            launches.append(Launch(kernel, origin, shape, seconds, predicted, flops, moved))
        return Profile(tuple(launches), statistics.median(timings.runs), runs)

    def assembly(self, kernel: str) -> str:
        """The machine code of a kernel (`Launch.kernel` of a profile): Intel's syntax, with what each innermost loop does at its head."""
        if self._compiled is None:
            raise UserError(f"model '{self.name}' was loaded from a file, which has no single kernels", hint="compile the model here")
        return self._compiled.assembly(kernel)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Writes the model as one self-contained file, which `tensorwright.load` and the C interface run."""
        if self._compiled is None:
            raise UserError(f"model '{self.name}' was loaded from a file, which is its exported form already", hint="copy that file")
        self._compiled.save(os.fspath(path))

    @property
    def report(self) -> Any:
        """What is known from compiling: pass times, remarks, kernels, sizes; None for a model that was loaded."""
        return None if self._compiled is None else self._compiled.report

    def __repr__(self) -> str:
        ports = [", ".join(map(repr, side)) for side in (self.inputs, self.outputs)]
        return f"<tensorwright.Model {self.name}({ports[0]}) -> ({ports[1]}), target {self.target}>"


def load(path: str | os.PathLike[str], *, threads: int = 0) -> Model:
    """Loads an exported model. `threads` 0: one for each physical core that the process may use."""
    return Model(_runtime.Executable.load(os.fspath(path), _checked_threads(threads)))


def _checked_threads(threads: int) -> int:
    if not isinstance(threads, int) or threads < 0:
        raise UserError(f"expected threads to be 0 (all cores) or a number of threads, found {threads!r}")
    return threads

# SPDX-License-Identifier: Apache-2.0
"""The compiler as one call: a model of any known kind in, a Model out."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import _core, _runtime, frontend
from .errors import UserError
from .model import Model, _checked_threads


def load_model(model: Any, values: Mapping[str, Any] | None = None) -> _core.Module:
    """A Module from a path (ONNX or text, by content), the bytes of an ONNX model, an onnx.ModelProto, or a Module (which it gives back)."""
    if isinstance(model, _core.Module):
        if values:
            raise UserError("expected a model file for the option values, found a Module; give the values to tensorwright.frontend.onnx.load")
        return model
    if isinstance(model, (str, os.PathLike)):
        return frontend.onnx.load(model, values=values) if values else _core.load_model(os.fspath(model))
    if isinstance(model, (bytes, bytearray, memoryview)):
        return frontend.onnx.load_bytes(bytes(model), values=values)
    if hasattr(model, "SerializeToString"):
        return frontend.onnx.load_bytes(model.SerializeToString(), values=values)
    raise UserError(f"expected a path, the bytes of an ONNX model, an onnx.ModelProto or a tensorwright Module, found {type(model).__name__}")


def compile(
    model: Any,
    *,
    threads: int = 0,
    target: str = "native",
    dims: Mapping[str, int] | None = None,
    values: Mapping[str, Any] | None = None,
    cache: bool = True,
    exact: bool = False,
    disable: Iterable[str] = (),
    verify: bool = False,
    function: str = "main",
) -> Model:
    """Compiles a model for this process; `Model.export` writes it as a file.

    `threads` are those of runs (0: one for each physical core that the process may use); compiling takes all of these. `target` is "native", or a level
    such as "x86-64-v3" with features added and removed ("x86-64-v4-avx512vnni"). `dims` gives symbolic dimensions a size. `values` gives inputs
    a value, after which they are inputs no more: for axes and the like, which a model takes as inputs but code is made for. `exact` forbids
    approximations and reordered sums. `disable` names passes to leave out; `verify` checks the module after each pass.
    """
    threads = _checked_threads(threads)
    compiled = _core.compile(load_model(model, values), target=target, dims=dict(dims or {}), cache=cache, exact=exact, disable=list(disable),
                             verify=verify, function=function)
    return Model(_runtime.Executable.from_capsule(compiled.runtime_capsule(), threads), compiled)

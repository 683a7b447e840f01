# SPDX-License-Identifier: Apache-2.0
"""ONNX models as Modules: `print(tensorwright.frontend.onnx.load("model.onnx"))`."""
from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .. import _core


def load(path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, values: Mapping[str, Any] | None = None) -> _core.Module:
    """The model in the file; its weights stay there, mapped. `dims` gives symbolic dimensions a size, `values` inputs a value: they are then
    inputs no more, and may decide what must be known while compiling, such as axes."""
    return _core.load_onnx(os.fspath(path), dict(dims or {}), dict(values or {}))


def load_bytes(
    model: bytes, *, dims: Mapping[str, int] | None = None, values: Mapping[str, Any] | None = None, wanted: set[str] | None = None
) -> _core.Module:
    """The model in memory, whose weights must be in it. `wanted` gains the names of inputs that need a value, if that is why it fails."""
    return _core.load_onnx_bytes(bytes(model), dict(dims or {}), dict(values or {}), wanted)


def operators() -> list[str]:
    """The operators that can be imported: "Conv", "com.microsoft.FusedConv" …"""
    return _core.onnx_operators()

# SPDX-License-Identifier: Apache-2.0
"""Tensorwright: a compiler for tensor programs. A model in, a fast native module out."""

__version__ = "0.1.0"

import importlib
from typing import TYPE_CHECKING, Any

from .errors import Error, InternalError, ScheduleError, UnsupportedError, UserError
from .model import Launch, Model, Port, Profile, Symbol, Tensor, devices, load

if TYPE_CHECKING:
    from . import frontend, ir, onnx, ops, passes, pipelines, schedule
    from ._core import Module, interpret, parse
    from .compiler import compile

# What needs the compiler is imported at its first use, so that `load` needs the runtime alone.
_LAZY = {
    "Module": "._core", "interpret": "._core", "parse": "._core", "compile": ".compiler",
    "frontend": None, "ir": None, "onnx": None, "ops": None, "passes": None, "pipelines": None, "schedule": None,
}

__all__ = ["Error", "InternalError", "Launch", "Model", "Port", "Profile", "ScheduleError", "Symbol", "Tensor", "UnsupportedError", "UserError", "devices", "load", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'tensorwright' has no attribute '{name}'")
    source = _LAZY[name]
    value = importlib.import_module(f".{name}", __name__) if source is None else getattr(importlib.import_module(source, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

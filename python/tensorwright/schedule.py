# SPDX-License-Identifier: Apache-2.0
"""Kernels scheduled by hand: `s = Schedule(module, "kernel")`, then primitives as methods, then `tensorwright.compile(s.module)`.

Primitives by name come from the compiler's table: `schedule.split.doc`, and `schedule.split(s, "i", 8)` is `s.split("i", 8)`.
"""
from . import _core
from ._core import Primitive, Schedule
from .errors import ScheduleError


def __getattr__(name: str) -> Primitive:
    try:
        return _core.primitives[name]
    except KeyError:
        raise AttributeError(f"there is no primitive '{name}'; tensorwright.schedule.names() lists them") from None


def __dir__() -> list[str]:
    return [*_core.primitives, "Primitive", "Schedule", "ScheduleError", "names"]


def names() -> list[str]:
    """All primitives, sorted."""
    return sorted(_core.primitives)

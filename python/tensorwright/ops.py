# SPDX-License-Identifier: Apache-2.0
"""Operators by name, from the compiler's table: `tensorwright.ops.relu(x)` is a call as a node, or, with arrays, what the reference computes."""
from . import _core


def __getattr__(name: str) -> _core.Operator:
    try:
        return _core.operators[name]
    except KeyError:
        raise AttributeError(f"there is no operator '{name}'; tensorwright.ops.names() lists them") from None


def __dir__() -> list[str]:
    return [*_core.operators, "names"]


def names() -> list[str]:
    """All operators, sorted."""
    return list(_core.operators)

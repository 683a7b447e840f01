# SPDX-License-Identifier: Apache-2.0
"""Passes by name, from the compiler's table: `tensorwright.passes.fuse(module, target="native")` is the module after the pass."""
from . import _core


def __getattr__(name: str) -> _core.Pass:
    try:
        return _core.passes[name]
    except KeyError:
        raise AttributeError(f"there is no pass '{name}'; tensorwright.passes.names() lists them") from None


def __dir__() -> list[str]:
    return [*_core.passes, "names"]


def names() -> list[str]:
    """All passes, sorted."""
    return list(_core.passes)

# SPDX-License-Identifier: Apache-2.0
"""Every node of both levels, with data types, enums, arrays as constants, and the reference interpreter.

Nodes are immutable and shared with the compiler. They are made by name, `For(begin=0, extent=n, var=i, body=b)`, copied with changes by
`node.with_(how="parallel")`, and equal when their structure is.
"""
from . import _core

globals().update({name: value for name, value in vars(_core).items() if isinstance(value, type) and name not in ("Operator", "Pass", "Primitive", "Schedule", "CompiledModule")})
interpret, constant, constant_array, infer_types = _core.interpret, _core.constant, _core.constant_array, _core.infer_types


def __getattr__(name: str) -> type[_core.Node]:
    raise AttributeError(f"there is no node '{name}'")

# SPDX-License-Identifier: Apache-2.0
"""Operators that ONNX itself defines by others: `expand_functions(model)` puts the definition in place of those that the importer lacks."""
from __future__ import annotations

import onnx
import onnx.defs
import onnx.inliner

from .. import _core

_MOST_LEVELS = 8  # definitions that use operators with definitions


def expand_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model itself if there is nothing to replace."""
    known = set(_core.onnx_operators())
    for _ in range(_MOST_LEVELS):
        missing = sorted(_defined(model, known))
        if not missing:
            break
        model = _with_defaults(model, set(missing))
        try:
            model = onnx.inliner.inline_selected_functions(model, missing, inline_schema_functions=True)
        except RuntimeError:  # it cannot tell a type; the importer's error says which operators are missing
            break
    return model


def _defined(model: onnx.ModelProto, known: set[str]) -> set[tuple[str, str]]:
    """Domain and name of operators that are not known, not functions of the model, and defined by a function of ONNX."""
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    own = {(function.domain, function.name) for function in model.functions}
    found = set()
    for node in _nodes(model.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (f"{domain}.{node.op_type}" if domain else node.op_type) in known or (node.domain, node.op_type) in own:
            continue
        try:
            schema = onnx.defs.get_schema(node.op_type, opsets.get(node.domain, 1), domain)
        except onnx.defs.SchemaError:
            continue
        if schema.has_function or schema.has_context_dependent_function:
            found.add((node.domain, node.op_type))
    return found


def _with_defaults(model: onnx.ModelProto, operators: set[tuple[str, str]]) -> onnx.ModelProto:
    """The model with the default attributes of these operators written out: a definition may refer to them."""
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in _nodes(copy.graph):
        if (node.domain, node.op_type) in operators:
            present = {attribute.name for attribute in node.attribute}
            schema = onnx.defs.get_schema(node.op_type, opsets.get(node.domain, 1), "" if node.domain == "ai.onnx" else node.domain)
            node.attribute.extend(a.default_value for name, a in schema.attributes.items() if name not in present and a.default_value.type)
    return copy


def _nodes(graph: onnx.GraphProto):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from _nodes(inner)

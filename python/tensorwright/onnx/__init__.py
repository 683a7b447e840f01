# SPDX-License-Identifier: Apache-2.0
"""Tensorwright for ONNX's own tools: `tensorwright.onnx.backend` implements onnx.backend.base.Backend. Needs the onnx package."""
from . import backend

__all__ = ["backend"]

# SPDX-License-Identifier: Apache-2.0
"""Readers of model formats, one module each: what they give is a Module."""
from . import onnx

__all__ = ["onnx"]

# SPDX-License-Identifier: Apache-2.0
"""Passes in their order, one pipeline for each kind of target."""
from ._core import pipeline_cpu as cpu

__all__ = ["cpu"]

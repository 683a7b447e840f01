# SPDX-License-Identifier: Apache-2.0
"""Tensorwright: a compiler for tensor programs. A model in, a fast native module out."""

__version__ = "0.1.0"

# SPDX-License-Identifier: Apache-2.0
"""Tensorwright: a compiler for tensor programs. A model in, a fast native module out."""

__version__ = "0.1.0"

from .errors import Error, InternalError, UnsupportedError, UserError
from .model import Launch, Model, Port, Profile, Symbol, Tensor, load

__all__ = ["Error", "InternalError", "Launch", "Model", "Port", "Profile", "Symbol", "Tensor", "UnsupportedError", "UserError", "load"]

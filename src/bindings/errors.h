// SPDX-License-Identifier: Apache-2.0
// How errors reach Python: the classes of tensorwright/errors.py (UserError, UnsupportedError …), with places and hint.
// Shared by both extension modules; needs neither the compiler nor the runtime.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

namespace tw::bindings {

// The kinds of errors by number: the statuses of the C interface, which are also the exit codes of the command; then what only Python tells
// apart.
enum class PythonError { user = 1, unsupported = 2, internal = 3, schedule };

// An error on its way to Python.
struct RaisedError {
  PythonError kind;
  std::string message; // without places and hint
  std::string text;    // what str() shows
  std::vector<std::string> places;
  std::string hint;
};

// Sets Python's current exception.
void set_python_error(const RaisedError& error);
// From now on a RaisedError that leaves a bound function becomes its Python exception.
void register_raised_error();

} // namespace tw::bindings

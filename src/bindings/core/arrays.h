// SPDX-License-Identifier: Apache-2.0
// Arrays between Python and the interpreter: copies, through NumPy (the reference is slow anyway).
#pragma once

#include "bindings/core/convert.h"
#include "interpreter/array.h"

namespace tw::bindings {

// `what` begins the error's message.
interpreter::Array array_from_python(nb::handle object, const std::string& what);
nb::object array_to_python(const interpreter::Array& array);
// NumPy's dtype of a data type; bfloat16 is that of the package ml_dtypes.
nb::object numpy_dtype(DType type);

void bind_interpreter(nb::module_& module);

} // namespace tw::bindings

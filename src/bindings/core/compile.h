// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"

namespace tw::bindings {

// Models from files and bytes, text, compile.
void bind_text(nb::module_& module);
void bind_compile(nb::module_& module);

} // namespace tw::bindings

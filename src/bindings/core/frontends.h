// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"

namespace tw::bindings {

// Modules from text, from files and bytes of other formats.
void bind_text(nb::module_& module);
void bind_frontends(nb::module_& module);

} // namespace tw::bindings

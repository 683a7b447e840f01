// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"

namespace tw::bindings {

// Pipelines, models of any format, compile.
void bind_compile(nb::module_& module);

} // namespace tw::bindings

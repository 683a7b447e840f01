// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"

namespace tw::bindings {

// tensorwright._core.operators: every operator by name.
void bind_operators(nb::module_& module);

} // namespace tw::bindings

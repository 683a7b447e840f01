// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"

namespace tw::bindings {

// tensorwright._core.Schedule, with a method for every primitive; primitives: their declarations by name.
void bind_schedule(nb::module_& module);

} // namespace tw::bindings

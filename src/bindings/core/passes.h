// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"

namespace tw::bindings {

// tensorwright._core.passes: every pass by name; the pipelines.
void bind_passes(nb::module_& module);

} // namespace tw::bindings

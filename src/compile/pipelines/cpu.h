// SPDX-License-Identifier: Apache-2.0
// The order of passes for processors.
#pragma once

#include "compile/driver.h"

namespace tw::compile {

// Stage imported → planned: graph passes, fusion, kernels, schedules, memory.
Pipeline cpu_pipeline(const Target& target);

} // namespace tw::compile

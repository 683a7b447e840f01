// SPDX-License-Identifier: Apache-2.0
// Measures this machine: multiply-adds for each width of vectors, the levels of its memory, what it costs to start and to hold threads.
#pragma once

#include "target/calibration.h"

namespace tw::compile {

// Takes some seconds, all cores that the process may use, and up to a quarter of the free memory. Figures are the best of several rounds,
// for other work on the machine only ever lowers them.
Calibration calibrate();

} // namespace tw::compile

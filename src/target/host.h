// SPDX-License-Identifier: Apache-2.0
// What the machine that runs the compiler tells about itself.
#pragma once

#include "target/target.h"

namespace tw {

// Both fail on machines that are not x86-64.
const FeatureSet& host_features();
// Name, core, clock, caches, cores; what follows from features is not set.
const Target& host_hardware();

} // namespace tw

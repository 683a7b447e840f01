// SPDX-License-Identifier: Apache-2.0
// One element of a tensor's bytes as a number, for every data type: how constants are written and small ones read.
#pragma once

#include "base/dtype.h"

#include <cstddef>

namespace tw::ops {

// Integers are exact in read_int/write_int; the double forms round to the type (floats) or saturate (integers).
double read_element(const std::byte* at, DType type);
void write_element(std::byte* at, DType type, double value);
int64_t read_int(const std::byte* at, DType type);
void write_int(std::byte* at, DType type, int64_t value);

} // namespace tw::ops

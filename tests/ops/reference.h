// SPDX-License-Identifier: Apache-2.0
// Plain loops in double for operators whose meaning deserves a second, independent statement; and reproducible data.
#pragma once

#include "interpreter/array.h"

#include <functional>

namespace tw::testing {

using interpreter::Array;

// Numbers in [-1, 1), the same for the same seed.
Array noise(DType dtype, std::vector<int64_t> shape, uint64_t seed = 1);
// Calls f with every index of a shape, row-major.
void for_each(const std::vector<int64_t>& shape, const std::function<void(const std::vector<int64_t>&)>& f);
// The element at an index; 0 outside.
double at(const Array& a, const std::vector<int64_t>& index);
// An array of numbers from a function of the index.
Array tabulate(DType dtype, std::vector<int64_t> shape, const std::function<double(const std::vector<int64_t>&)>& f);
// The same data with dimensions in another order.
Array permuted(const Array& a, const std::vector<size_t>& order);

} // namespace tw::testing

// SPDX-License-Identifier: Apache-2.0
// Iterations whose values lie together along one loop and whose places lie together along the other: each value is computed as
// a vector along the first, the square or strip is turned in registers, and stored as vectors along the second.
#pragma once

#include "arith/analyzer.h"

namespace tw::arith {

// For `for a in vectorised(n): for b in vectorised(m): T[… + b] = value`: the value as a vector over a for each b; then, where both are one
// power of two, a store over b for each a; or, where T's index is … + a * m + b, m stores of n elements side by side. Empty if the loops
// are not of such a form.
Opt<Stmt> transposed_block(const For& outer, Analyzer& analyzer);

} // namespace tw::arith

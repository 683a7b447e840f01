// SPDX-License-Identifier: Apache-2.0
// A square of iterations whose values lie together along one loop and whose places lie together along the other: each value is computed as
// a vector along the first, the square is turned in registers, and stored as vectors along the second.
#pragma once

#include "arith/analyzer.h"

namespace tw::arith {

// For `for a in vectorised(n): for b in vectorised(n): T[… + b] = value`, n a power of two: the value as a vector over a for each b, then a
// store over b for each a. Empty if the loops are not of this form.
Opt<Stmt> transposed_block(const For& outer, Analyzer& analyzer);

} // namespace tw::arith

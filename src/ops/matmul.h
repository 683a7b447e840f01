// SPDX-License-Identifier: Apache-2.0
// What matrix products share whose elements are multiplied in different ways.
#pragma once

#include "ops/products.h"

namespace tw::ops {

OpDef define_matmul(std::string doc, std::vector<std::string> inputs, int64_t products, Multiply multiply,
                    std::vector<std::string> examples);

} // namespace tw::ops

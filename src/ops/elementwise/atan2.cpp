// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef atan2 = define(map_two("the angle of the point (b, a)", "float",
                                          [](const E& a, const E& b) {
                                            return call("atan2", {a, b});
                                          },
                                          {"atan2([1.0, -1.0], [1.0, 0.0]) == [0.78539816, -1.57079633]"}));

} // namespace tw::ops

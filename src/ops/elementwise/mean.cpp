// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef mean = define({.doc = "the mean of all inputs, with broadcasting",
                                  .inputs = std::vector<std::string>{"values*: float"},
                                  .type = broadcast_all(),
                                  .fusion = Fusion::elementwise,
                                  .layout = Layout::any_common,
                                  .compute =
                                      [](Compute& c) {
                                        c.output(0, [&](Indices i) {
                                          E total = widen(c.input(0).broadcast(i));
                                          for (size_t k = 1; k < c.input_count(); ++k) total = total + widen(c.input(k).broadcast(i));
                                          return cast(c.output(0).element(), total / like(total, static_cast<double>(c.input_count())));
                                        });
                                      },
                                  .examples = {"mean([1.0], [2.0], [6.0]) == [3.0]"}});

} // namespace tw::ops

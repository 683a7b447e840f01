// SPDX-License-Identifier: Apache-2.0
// Sizes that depend on data: the elements of an integer tensor become the `dims` that the binding introduces. Whoever runs the graph does
// it.
#include "ops/op.h"

namespace tw::ops {

extern const OpDef read_sizes = define({.doc = "the elements of x, in order, are the sizes that the binding introduces",
                                        .inputs = std::vector<std::string>{"x: i64"},
                                        .type = TypeRule([](TypeContext& c) {
                                          if (c.rank(0) > 1)
                                            throw user_error("sizes are read from a tensor of rank 0 or 1, found rank {}", c.rank(0));
                                          return Types{};
                                        }),
                                        .fusion = Fusion::opaque,
                                        .outputs = 0});

} // namespace tw::ops

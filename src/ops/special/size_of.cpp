// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"
#include "ops/sizes.h"

namespace tw::ops {

extern const OpDef size_of = define({.doc = "the number of elements of x",
                                     .inputs = std::vector<std::string>{"x: any"},
                                     .type = TypeRule([](TypeContext& c) {
                                       static_cast<void>(c.shape(0));
                                       return Types{tensor_type({}, i64)};
                                     }),
                                     .fusion = Fusion::opaque,
                                     .compute = [](Compute& c) { c.output(0, [&](Indices) { return element_count(c.input(0).shape()); }); },
                                     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
                                       return std::vector<Contents>{{{}, {simplified(element_count(tensor_of(c.call.args[0])->shape))}}};
                                     },
                                     .examples = {"size_of([[1, 2, 3], [4, 5, 6]]) == 6"}});

} // namespace tw::ops

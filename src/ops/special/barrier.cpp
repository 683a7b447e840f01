// SPDX-License-Identifier: Apache-2.0
// Where all threads of a run meet: what kernels before have written may be read after. The pass place_barriers writes it.
#include "ops/op.h"

namespace tw::ops {

namespace {
struct Barrier {
  static constexpr auto fields = std::tuple{};
};
} // namespace

extern const OpDef barrier = define<Barrier>({.doc = "all threads of the run meet; compiled functions have it between kernels",
                                              .inputs = std::vector<std::string>{},
                                              .type = TypeRule([](TypeContext&) { return Types{}; }),
                                              .fusion = Fusion::opaque,
                                              .outputs = 0,
                                              .effect = true});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
// Operators that combine the elements along an axis step by step and keep every step: running sums, running products.
#pragma once

#include "ops/op.h"

namespace tw::ops {

struct Running {
  int64_t axis = 0;
  bool exclusive = false, reverse = false;
  static constexpr auto fields =
      std::tuple{field("axis", &Running::axis), field("exclusive", &Running::exclusive), field("reverse", &Running::reverse)};
};

// `how` is add or mul.
template <Combine how> void compute_running(Compute& c);
extern template void compute_running<Combine::add>(Compute& c);
extern template void compute_running<Combine::mul>(Compute& c);

template <Combine how> OpDef running(const char* what, std::vector<std::string> examples) {
  return define<Running>({.doc = fmt::format("{} along an axis; exclusive: without the element itself; reverse: from the end", what),
                          .inputs = std::vector<std::string>{"x: number"},
                          .type = TypeRule([](TypeContext& c) {
                            TypeContext::normalise_axis(c.attrs<Running>().axis, c.rank(0));
                            return Types{c.tensor(0)};
                          }),
                          .fusion = Fusion::opaque,
                          .layout = Layout::axis,
                          .compute = compute_running<how>,
                          .examples = std::move(examples)});
}

} // namespace tw::ops

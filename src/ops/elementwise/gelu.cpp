// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Gelu {
  Name approximate = "none";
  static constexpr auto fields = std::tuple{field("approximate", &Gelu::approximate)};
};
} // namespace

extern const OpDef gelu =
    define_map<Gelu>("x * (1 + erf(x / sqrt(2))) / 2, or its approximation by tanh (approximate = \"tanh\")", "float",
                     [](const Gelu& a, const E& x) -> E {
                       if (a.approximate == "none") return call("gelu", {x});
                       if (a.approximate != "tanh") throw user_error("approximate must be none or tanh, found '{}'", a.approximate.str());
                       // (1 + tanh(u)) / 2 is sigmoid(2 u)
                       E inner = like(x, 1.5957691216057308) * (x + like(x, 0.044715) * x * x * x);
                       return x * call("sigmoid", {inner});
                     },
                     {"gelu([1.0, -1.0, 0.0]) == [0.84134475, -0.15865525, 0.0]", "gelu([1.0], approximate=\"tanh\") == [0.84119199]"});

} // namespace tw::ops

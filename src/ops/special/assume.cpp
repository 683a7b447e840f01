// SPDX-License-Identifier: Apache-2.0
// What must hold of the sizes for the calls after it to mean something. Whoever runs the graph checks it and stops with the text.
#include "ops/op.h"

namespace tw::ops {

namespace {
struct Assume {
  Opt<Expr> condition;
  Name text;
  static constexpr auto fields = std::tuple{field("condition", &Assume::condition), field("text", &Assume::text)};
};
} // namespace

extern const OpDef assume = define<Assume>({.doc = "the run goes on only if the condition holds, which is over sizes",
                                            .inputs = std::vector<std::string>{},
                                            .type = TypeRule([](TypeContext& c) {
                                              if (!c.attrs<Assume>().condition) throw user_error("condition is missing");
                                              return Types{};
                                            }),
                                            .fusion = Fusion::opaque,
                                            .outputs = 0,
                                            .effect = true});

} // namespace tw::ops

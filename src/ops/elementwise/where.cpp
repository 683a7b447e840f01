// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
std::optional<std::vector<Contents>> fold_where(FoldContext& c) {
  for (size_t k = 0; k < 3; ++k)
    if (k >= c.inputs.size() || !c.inputs[k]) return {};
  // Broadcast twice with formulas that keep one side, to learn the common shape.
  auto first = broadcast_contents(*c.inputs[1], *c.inputs[2], [](const E& a, const E&) { return a; });
  if (!first) return {};
  std::vector<Ref<Expr>> shape(std::max(first->shape.size(), c.inputs[0]->shape.size()), imm(1));
  for (const Contents* x : {c.inputs[0], static_cast<const Contents*>(&*first)})
    for (size_t d = 0; d < x->shape.size(); ++d)
      if (!is_int(x->shape[d], 1)) shape[shape.size() - x->shape.size() + d] = x->shape[d];
  auto out = make_contents(Shape(std::move(shape)), [&](const std::vector<int64_t>& i) -> Opt<Expr> {
    Opt<Expr> condition = broadcast_element(*c.inputs[0], i), a = broadcast_element(*c.inputs[1], i),
              b = broadcast_element(*c.inputs[2], i);
    if (!condition || !a || !b) return {};
    return select(as_ref<Expr>(condition), as_ref<Expr>(a), as_ref<Expr>(b));
  });
  if (!out) return {};
  return std::vector<Contents>{std::move(*out)};
}
} // namespace

extern const OpDef where =
    define({.doc = "a where the condition holds, else b; all three broadcast",
            .inputs = std::vector<std::string>{"condition: bool", "a: any", "b: any"},
            .type = TypeRule([](TypeContext& c) {
              if (c.element(1) != c.element(2))
                throw user_error("both values must have one element type, found {} and {}", tw::to_string(c.element(1)),
                                 tw::to_string(c.element(2)));
              return Types{tensor_type(c.broadcast({c.shape(0), c.shape(1), c.shape(2)}), c.element(1))};
            }),
            .fusion = Fusion::elementwise,
            .layout = Layout::any_common,
            .compute =
                [](Compute& c) {
                  c.output(0, [&](Indices i) { return select(c.input(0).broadcast(i), c.input(1).broadcast(i), c.input(2).broadcast(i)); });
                },
            .fold = fold_where,
            .examples = {"where([true, false], [1, 2], [3, 4]) == [1, 4]",
                         "where([[true], [false]], [1.0], [2.0, 3.0]) == [[1.0, 1.0], [2.0, 3.0]]"}});

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"

namespace tw::ops {

namespace {
struct Range {
  Opt<Expr> count;
  static constexpr auto fields = std::tuple{field("count", &Range::count)};
};
Opt<Expr> only(const Contents* c) { return c && c->elements.size() == 1 ? Opt<Expr>(c->elements[0]) : Opt<Expr>(); }
} // namespace

extern const OpDef range =
    define<Range>({.doc = "start, start + step, … : count numbers",
                   .inputs = std::vector<std::string>{"start: number", "step: number"},
                   .type = TypeRule([](TypeContext& c) {
                     auto count = c.attrs<Range>().count;
                     if (!count) throw user_error("count is missing");
                     if (c.rank(0) != 0 || c.rank(1) != 0)
                       throw user_error("start and step must be scalars, found ranks {} and {}", c.rank(0), c.rank(1));
                     if (c.element(0) != c.element(1))
                       throw user_error("start and step must have one element type, found {} and {}", tw::to_string(c.element(0)),
                                        tw::to_string(c.element(1)));
                     c.assume(as_ref<Expr>(count) >= imm(0), "count must not be negative");
                     return Types{tensor_type({as_ref<Expr>(count)}, c.element(0))};
                   }),
                   .fusion = Fusion::elementwise,
                   .compute =
                       [](Compute& c) {
                         Tensor start = c.input(0), step = c.input(1);
                         c.output(0, [&](Indices i) { return start({}) + tw::cast(start.element(), i[0]) * step({}); });
                       },
                   .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
                     Opt<Expr> start = c.inputs.size() == 2 ? only(c.inputs[0]) : Opt<Expr>(),
                               step = start ? only(c.inputs[1]) : Opt<Expr>();
                     if (!step || start->dtype.is_float()) return {};
                     auto out = make_contents({as_ref<Expr>(c.attrs<Range>().count)}, [&](const std::vector<int64_t>& i) {
                       return as_ref<Expr>(start) + imm(i[0], start->dtype) * as_ref<Expr>(step);
                     });
                     if (!out) return {};
                     return std::vector<Contents>{std::move(*out)};
                   },
                   .examples = {"range(3, 2, count=3) == [3, 5, 7]", "range(1.0, -0.5, count=2) == [1.0, 0.5]"}});

} // namespace tw::ops

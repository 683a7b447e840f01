// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct Nonzero {
  Opt<Expr> count;
  static constexpr auto fields = std::tuple{field("count", &Nonzero::count)};
};
} // namespace

extern const OpDef nonzero = define<Nonzero>(
    {.doc = "the indices of the elements that are not zero, in row-major order, as columns; count says how many there are (count_nonzero)",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       auto count = c.attrs<Nonzero>().count;
       if (!count) throw user_error("count is missing");
       c.assume(as_ref<Expr>(count) >= imm(0), "count must not be negative");
       return Types{tensor_type({imm(c.rank(0)), as_ref<Expr>(count)}, i64)};
     }),
     .fusion = Fusion::opaque,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0), out = c.output(0), next = c.scratch("next", {}, i64);
           c.raw(put(next, {}, imm(0)));
           c.raw(loops(x.shape(), [&](const Indices& i) {
             std::vector<Ref<Stmt>> writes;
             for (size_t d = 0; d < i.size(); ++d) writes.push_back(put(out, {imm(static_cast<int64_t>(d)), next({})}, i[d]));
             writes.push_back(put(next, {}, next({}) + 1));
             return when(cast(boolean, x(i)) && next({}) < out.size(1), seq(std::move(writes)));
           }));
         },
     .examples = {"nonzero([[1, 0], [3, 4]], count=3) == [[0, 1, 1], [0, 0, 1]]",
                  "nonzero([false, false], count=0) == zeros(i64, [1, 0])"}});

} // namespace tw::ops

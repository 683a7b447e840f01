// SPDX-License-Identifier: Apache-2.0
// Loops marked `unrolled` become copies of their body, one for each iteration, with variables and buffers of their own.
#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {

Ref<Kernel> unroll(const Ref<Kernel>& kernel, PassContext& context) {
  return rewrite(kernel, [&](const For& loop) -> Opt<Stmt> {
    if (loop.how != ForKind::unrolled) return {};
    auto count = as_int(loop.extent);
    if (!count || *count > 256) {
      context.remark(kernel->id.str(),
                     fmt::format("loop '{}' stays a loop: its extent is {}", loop.var->id.str(), count ? "too large" : "not constant"));
      return with(ref_to(loop), &For::how, ForKind::serial);
    }
    std::vector<Ref<Stmt>> copies;
    for (int64_t i = 0; i < *count; ++i)
      copies.push_back(renew(substitute(loop.body, Substitution{{loop.var.node(), arith::simplify(loop.begin + i)}})));
    return seq(std::move(copies));
  });
}

extern const Pass unroll_pass;
const Pass unroll_pass = {.name = "unroll", .doc = "turns loops marked unrolled into copies of their body", .kernel = unroll};

} // namespace tw::passes

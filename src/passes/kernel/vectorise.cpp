// SPDX-License-Identifier: Apache-2.0
// Loops marked `vectorised` become vector statements. A loop that cannot (its lanes would need control flow of their own, or its extent is
// no constant) runs one lane at a time, and a remark says so. Two such loops directly inside each other are a square that is turned in
// registers.
#include "arith/vectorise.h"
#include "arith/block_transpose.h"

#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {
constexpr int64_t most_lanes = 128; // eight registers of the widest machine
}

Ref<Kernel> vectorise(const Ref<Kernel>& kernel, PassContext& context) {
  arith::Analyzer analyzer;
  return rewrite(kernel, [&](const For& loop, Rewrite again) -> Opt<Stmt> {
    analyzer.bind(loop.var, loop.begin, loop.extent);
    if (loop.how != ForKind::vectorised) { return again(ref_to<Stmt>(loop)); }
    auto lanes = as_int(loop.extent);
    if (lanes && *lanes >= 1 && *lanes <= most_lanes) {
      if (*lanes == 1) return again(substitute(loop.body, Substitution{{loop.var.node(), loop.begin}}));
      if (Opt<Stmt> square = arith::transposed_block(loop, analyzer)) return square;
      if (const auto* inner = as<For>(loop.body); inner && inner->how == ForKind::vectorised)
        return make(For{.begin = loop.begin, .extent = loop.extent, .var = loop.var, .body = again(loop.body)}); // no square: one by one
      arith::Vectoriser vectoriser(loop.var, loop.begin, static_cast<int>(*lanes), analyzer);
      if (Opt<Stmt> vector = vectoriser.statement(loop.body)) return vector;
    }
    context.remark(kernel->id.str(), fmt::format("loop '{}' was asked to be vectorised and is not: {}", loop.var->id.str(),
                                                 lanes ? "its lanes need control flow of their own" : "its extent is not constant"));
    return make(For{.begin = loop.begin, .extent = loop.extent, .var = loop.var, .body = again(loop.body)});
  });
}

extern const Pass vectorise_pass;
const Pass vectorise_pass = {.name = "vectorise", .doc = "turns loops marked vectorised into vector statements", .kernel = vectorise};

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
// Buffers of a kernel that nothing reads any more, after epilogues took their values from registers: their stores and allocations go.
#include "ir/visit.h"
#include "passes/pass.h"

#include <unordered_set>

namespace tw::passes {

Ref<Kernel> eliminate_dead_stores(const Ref<Kernel>& kernel, PassContext&) {
  std::unordered_set<const Node*> read;
  visit(
      kernel.node(), [&](const Load& load) { read.insert(load.buffer.node()); },
      [&](const Param& param) { read.insert(param.buffer.node()); });
  std::unordered_set<const Node*> dead;
  visit(kernel.node(), [&](const Allocate& a, Walk walk) {
    if (!read.contains(a.buffer.node())) dead.insert(a.buffer.node());
    walk(static_cast<const Node*>(&a));
  });
  if (dead.empty()) return kernel;
  // Parts are rewritten before the sequence they stand in.
  auto is_nothing = [](const Ref<Stmt>& statement) {
    const auto* sequence = as<Seq>(statement);
    return sequence && sequence->body.empty();
  };
  Ref<Stmt> body = rewrite(
      kernel->body,
      [&](const Seq& x) -> Opt<Stmt> {
        std::vector<Ref<Stmt>> kept;
        for (const auto& statement : x.body)
          if (!is_nothing(statement)) kept.push_back(statement);
        return kept.size() == x.body.size() ? Opt<Stmt>() : Opt<Stmt>(seq(std::move(kept)));
      },
      [&](const Block& block) -> Opt<Stmt> {
        if (const auto* rest = as<Seq>(block.body); rest && rest->body.empty()) return block.body;
        std::vector<Ref<Region>> writes;
        for (const auto& region : block.writes)
          if (!dead.contains(region->buffer.node())) writes.push_back(region);
        if (writes.size() == block.writes.size()) return {};
        return with(ref_to(block), &Block::writes, List<Ref<Region>>(std::move(writes)));
      },
      [&](const Store& store) -> Opt<Stmt> { return dead.contains(store.buffer.node()) ? Opt<Stmt>(seq({})) : Opt<Stmt>(); },
      [&](const Allocate& a) -> Opt<Stmt> { return dead.contains(a.buffer.node()) ? Opt<Stmt>(a.body) : Opt<Stmt>(); });
  return with(kernel, &Kernel::body, body);
}

extern const Pass eliminate_dead_stores_pass;
const Pass eliminate_dead_stores_pass = {
    .name = "eliminate_dead_stores", .doc = "drops what kernels write and nobody reads", .kernel = eliminate_dead_stores};

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
// Constants that register tiles read column by column are stored in the order in which the tiles read them: panel after panel, each
// contiguous, so that the innermost loop streams and no two lines of a panel compete for a cache set. The schedule has chosen the panels;
// this pass reads them off the tiles and rewrites kernel and constants together. A last, narrower panel is as wide as it needs to be:
// packing takes no more bytes than the constant had.
//
// Weights that are subnormal become zero on the way, unless results shall be exact: a trained model may have thousands where a channel has
// died, each of their products takes a hundred times as long, and none moves a sum that any other weight has a part in.
//
//   W: (K, N)  read as W[k, panel * 64 + column]   →   W: (K * N)  read as W[(panel * K + k) * 64 + column]
#include "ir/arrangement.h"
#include "ir/visit.h"
#include "passes/operands.h"
#include "passes/panels.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

constexpr int64_t worth_packing = 16 << 10; // bytes: smaller ones stay in the first-level cache in any order

Ref<Constant> pack(const Constant& constant, const Panels& panels, bool exact) {
  DType element = constant.type->element;
  return make(Constant{.type = tensor_type({imm(panels.columns() * panels.rows())}, element),
                       .data = paneled(constant.data, element, panels.shape, panels.dimension, panels.width, element == f32 && !exact),
                       .id = constant.id});
}

// Which parameters of each kernel are large constants wherever it is called.
std::map<std::string, std::vector<bool>> constant_parameters(const Ref<Module>& module) {
  std::map<std::string, std::vector<bool>> out;
  for (const auto& callable : module->functions)
    visit(callable.node(), [&](const Invoke& call) {
      auto& constant = out.try_emplace(call.callee.str(), call.args.size(), true).first->second;
      for (size_t i = 0; i < call.args.size(); ++i) {
        const Constant* c = constant_of(call.args[i]);
        constant[i] = constant[i] && c && static_cast<int64_t>(c->data.size()) >= worth_packing && c->type->element.bits % 8 == 0;
      }
    });
  return out;
}

using Packed = std::map<size_t, Panels>; // by parameter

Ref<Kernel> pack_kernel(Ref<Kernel> kernel, const std::vector<bool>& constant, bool exact, Packed& packed) {
  for (size_t i = 0; i < constant.size(); ++i) {
    if (!constant[i]) continue;
    Ref<Param> param = kernel->params[i];
    PanelReads reads(*kernel.get(), *param->buffer.get());
    bool without_subnormals = param->buffer->element == f32 && !exact;
    auto panels = reads.panels(without_subnormals);
    if (!panels) continue;
    Ref<Buffer> buffer =
        make(Buffer{.id = param->buffer->id, .shape = {imm(panels->columns() * panels->rows())}, .element = param->buffer->element});
    Ref<Stmt> body = rewrite(kernel->body, [&](const Load& load) { return reads.packed(load, *panels, buffer); });
    std::vector<Ref<Param>> params = kernel->params.vector();
    params[i] = with(param, &Param::buffer, buffer);
    kernel = with(with(kernel, &Kernel::body, body), &Kernel::params, List<Ref<Param>>(std::move(params)));
    packed.emplace(i, *panels);
  }
  return kernel;
}

} // namespace

Ref<Module> pack_weights(const Ref<Module>& module, PassContext& context) {
  std::map<std::string, Packed> packed;
  std::vector<Ref<Callable>> changed;
  auto constant = constant_parameters(module);
  for (const auto& callable : module->functions) {
    const auto* kernel = as<Kernel>(callable);
    auto found = kernel ? constant.find(kernel->id.str()) : constant.end();
    if (found == constant.end()) continue;
    Packed mine;
    Ref<Kernel> after = pack_kernel(as_ref<Kernel>(callable), found->second, context.options.exact, mine);
    if (mine.empty()) continue;
    changed.push_back(after);
    packed.emplace(kernel->id.str(), std::move(mine));
  }
  if (changed.empty()) return module;
  std::map<std::pair<const Node*, Panels>, Ref<Constant>> made; // a constant that many calls read is packed once
  for (const auto& callable : module->functions) {
    if (!as<Function>(callable)) continue;
    changed.push_back(rewrite(as_ref<Function>(callable), [&](const Invoke& call) -> Opt<Node> {
      auto found = packed.find(call.callee.str());
      if (found == packed.end()) return {};
      std::vector<Ref<Operand>> args = call.args.vector();
      for (const auto& [i, panels] : found->second) {
        auto key = std::pair(args[i].node(), panels);
        auto known = made.find(key);
        if (known == made.end()) known = made.emplace(key, pack(*constant_of(args[i]), panels, context.options.exact)).first;
        args[i] = known->second;
      }
      return with(ref_to(call), &Invoke::args, List<Ref<Operand>>(std::move(args)));
    }));
  }
  return with_callables(module, changed);
}

extern const Pass pack_weights_pass;
const Pass pack_weights_pass = {
    .name = "pack_weights", .doc = "stores constants in the order in which register tiles read them", .graph = pack_weights};

} // namespace tw::passes

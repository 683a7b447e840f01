// SPDX-License-Identifier: Apache-2.0
#include "ops/call_kernel.h"

#include "ir/visit.h"

#include <unordered_set>

namespace tw::ops {

std::vector<Ref<Var>> free_dims(const OpCall& call, const Types& results) {
  std::vector<Ref<Var>> dims;
  std::unordered_set<const Node*> seen;
  auto collect = [&](const Node* n) {
    visit(Ref<Node>(n, 0), [&](const Var& v) {
      if (seen.insert(&v).second) dims.push_back(ref_to(v));
    });
  };
  for (const auto& arg : call.args)
    if (arg) collect(tensor_of(arg).node());
  for (const auto& attr : call.attrs) collect(attr.node());
  for (const auto& type : results) collect(type.node());
  return dims;
}

Ref<Kernel> build_kernel(const OpCall& call, Name id) {
  const OpDef& op = get(call.op);
  if (!op.compute) throw internal_error("operator '{}' has no loops of its own", op.name);
  std::vector<TypeContext::Assumption> assumptions;
  Types types = infer_types(call, &assumptions);
  return with_place(fmt::format("operator '{}'", op.name), [&] {
    std::vector<Opt<Buffer>> inputs;
    std::vector<Ref<Buffer>> outputs;
    std::vector<Ref<Param>> params;
    auto buffer = [&](const std::string& name, const Ref<TensorType>& type, Access access) {
      Ref<Buffer> b = make(Buffer{.id = name, .shape = type->shape, .element = type->element});
      params.push_back(make(Param{.buffer = b, .access = access}));
      return b;
    };
    for (size_t i = 0; i < call.args.size(); ++i)
      inputs.push_back(call.args[i] ? Opt<Buffer>(buffer(fmt::format("in{}", i), tensor_of(call.args[i]), Access::in)) : Opt<Buffer>());
    for (size_t i = 0; i < types.size(); ++i) outputs.push_back(buffer(fmt::format("out{}", i), types[i], Access::out));

    Compute compute(call, std::move(inputs), outputs, "");
    op.compute(compute);
    std::vector<Ref<Stmt>> statements;
    for (const auto& a : assumptions) statements.push_back(make(Assert{.cond = a.condition, .message = a.text, .fault = Fault::user}));
    statements.insert(statements.end(), compute.statements().begin(), compute.statements().end());
    Ref<Stmt> body = seq(std::move(statements));
    for (size_t i = compute.intermediates().size(); i-- > 0;) body = make(Allocate{.buffer = compute.intermediates()[i], .body = body});
    return make(Kernel{.id = id.empty() ? call.op : id, .dims = free_dims(call, types), .params = std::move(params), .body = body});
  });
}

} // namespace tw::ops

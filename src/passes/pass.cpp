// SPDX-License-Identifier: Apache-2.0
// What passes share: finding and replacing callables of a module, mapping bodies, mapping a kernel pass over a module.
#include "passes/pass.h"

#include "base/parallel_for.h"

namespace tw::passes {

namespace {
constexpr size_t few_kernels = 8;
}

Name id_of(const Ref<Callable>& callable) {
  if (const auto* function = as<Function>(callable)) return function->id;
  if (const auto* kernel = as<Kernel>(callable)) return kernel->id;
  throw internal_error("a module holds a {}", kind_name(callable.node()));
}

List<Ref<Attr>> with_attribute(const List<Ref<Attr>>& attrs, std::string_view name, Attr::Value value) {
  std::vector<Ref<Attr>> out;
  for (const auto& attr : attrs)
    if (attr->name.str() != name) out.push_back(attr);
  out.push_back(make(Attr{.name = Name(name), .value = std::move(value)}));
  return List<Ref<Attr>>(std::move(out));
}

Opt<Callable> find_callable(const Ref<Module>& module, Name name) {
  for (const auto& callable : module->functions)
    if (id_of(callable) == name) return callable;
  return {};
}

Ref<Module> with_callables(const Ref<Module>& module, const std::vector<Ref<Callable>>& changed, const std::vector<Name>& removed) {
  std::map<std::string, Ref<Callable>> by_name;
  for (const auto& callable : module->functions) by_name.insert_or_assign(id_of(callable).str(), callable);
  bool different = false;
  for (const auto& name : removed) different |= by_name.erase(name.str()) > 0;
  for (const auto& callable : changed) {
    auto [entry, inserted] = by_name.try_emplace(id_of(callable).str(), callable);
    different |= inserted || !entry->second.same_as(callable);
    entry->second = callable;
  }
  if (!different) return module;
  std::vector<Ref<Callable>> sorted;
  for (const auto& [name, callable] : by_name) sorted.push_back(callable);
  return with(module, &Module::functions, List<Ref<Callable>>(std::move(sorted)));
}

Ref<Function> map_bodies(const Ref<Function>& function, FunctionRef<Ref<Body>(const Ref<Body>&)> f) {
  std::function<Ref<Body>(const Ref<Body>&)> map = [&](const Ref<Body>& body) {
    std::vector<Ref<Binding>> bindings;
    bool changed = false;
    for (const auto& binding : body->bindings) {
      Ref<Operation> operation = binding->operation;
      if (!as<OpCall>(operation) && !as<Invoke>(operation))
        operation = as_ref<Operation>(map_children(operation.node(), [&](const Node* child) -> Opt<Node> {
          return as<Body>(child) ? Opt<Node>(map(as_ref<Body>(child))) : Opt<Node>(child, 0);
        }));
      changed |= !operation.same_as(binding->operation);
      bindings.push_back(operation.same_as(binding->operation) ? binding : with(binding, &Binding::operation, operation));
    }
    return f(changed ? with(body, &Body::bindings, List<Ref<Binding>>(std::move(bindings))) : body);
  };
  Ref<Body> body = map(function->body);
  return body.same_as(function->body) ? function : with(function, &Function::body, body);
}

Ref<Module> run(const Pass& pass, const Ref<Module>& module, PassContext& context) {
  return pass.graph ? pass.graph(module, context) : map_kernels(module, context, pass.kernel);
}

Ref<Module> map_kernels(const Ref<Module>& module, PassContext& context, FunctionRef<Ref<Kernel>(const Ref<Kernel>&, PassContext&)> f) {
  std::vector<Ref<Kernel>> kernels;
  for (const auto& callable : module->functions)
    if (as<Kernel>(callable)) kernels.push_back(as_ref<Kernel>(callable));
  struct Result {
    Opt<Kernel> kernel;
    std::vector<Remark> remarks;
  };
  std::vector<Result> results(kernels.size());
  // Kernels know nothing of each other. Few are not worth a thread.
  int threads = kernels.size() < few_kernels ? 1 : context.threads;
  parallel_for(kernels.size(), threads, [&](size_t i) {
    PassContext own{.target = context.target, .options = context.options, .remarks = {}, .threads = 1};
    results[i].kernel = with_place(fmt::format("kernel '{}'", kernels[i]->id.str()), [&] { return f(kernels[i], own); });
    results[i].remarks = std::move(own.remarks);
  });
  std::vector<Ref<Callable>> changed;
  for (size_t i = 0; i < kernels.size(); ++i) {
    if (!results[i].kernel.same_as(kernels[i])) changed.push_back(as_ref<Kernel>(results[i].kernel));
    for (auto& remark : results[i].remarks) context.remarks.push_back(std::move(remark));
  }
  return with_callables(module, changed);
}

} // namespace tw::passes

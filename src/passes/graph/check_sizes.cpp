// SPDX-License-Identifier: Apache-2.0
// Sizes that only might be wrong are checked before they are used: what a type rule assumes (equal sizes, a window that fits) and could not
// prove becomes a call of `assume` before the operator, and so does that no size of a result is negative. What is assumed once is known
// after it, as far as the body reaches.
#include "arith/analyzer.h"
#include "ops/op.h"
#include "passes/graph_rewriter.h"

namespace tw::passes {
namespace {

class Checker {
public:
  Ref<Body> body(const Ref<Body>& body) {
    std::vector<arith::Analyzer::Scope> known; // die with the body, the last first
    std::vector<Ref<Binding>> out;
    for (const auto& binding : body->bindings) {
      if (const auto* call = as<OpCall>(binding->operation)) check(*binding.get(), *call, out, known);
      out.push_back(with_nested_bodies(binding));
    }
    while (!known.empty()) known.pop_back();
    return out.size() == body->bindings.size() && !nested_changed_ ? body : with(body, &Body::bindings, List<Ref<Binding>>(std::move(out)));
  }

private:
  void check(const Binding& binding, const OpCall& call, std::vector<Ref<Binding>>& out, std::vector<arith::Analyzer::Scope>& known) {
    std::vector<ops::TypeContext::Assumption> assumptions;
    OriginScope origin(call.origin);
    ops::infer_types(call, &assumptions);
    for (const auto& value : binding.values) {
      const auto* type = as<TensorType>(value->type);
      if (!type) continue;
      for (const auto& size : type->shape)
        if (!as_int(size))
          assumptions.push_back({size >= imm(0), fmt::format("size {} of '{}' must not be negative", to_text(size), value->id.str())});
    }
    for (const auto& [condition, text] : assumptions) {
      if (only_of(condition, binding.dims) || analyzer_.prove(condition)) continue;
      std::string place = call.origin ? fmt::format("node '{}': {}", call.origin->text, text) : fmt::format("{}: {}", call.op.str(), text);
      auto attribute = [](const char* name, Attr::Value value) { return make(Attr{.name = name, .value = std::move(value)}); };
      out.push_back(make(Binding{
          .operation =
              make(OpCall{.op = "assume", .attrs = {attribute("condition", Opt<Expr>(condition)), attribute("text", Name(place))}})}));
      known.push_back(analyzer_.assume(condition));
    }
  }

  // Sizes that the call itself introduces are not there before it.
  static bool only_of(const Ref<Expr>& condition, const List<Ref<Var>>& dims) {
    return std::any_of(dims.begin(), dims.end(), [&](const Ref<Var>& d) { return uses(condition.node(), d.node()); });
  }

  Ref<Binding> with_nested_bodies(const Ref<Binding>& binding) {
    Opt<Operation> changed;
    if (const auto* branch = as<Branch>(binding->operation)) {
      Ref<Body> then = body(branch->then), otherwise = body(branch->otherwise);
      if (then.same_as(branch->then) && otherwise.same_as(branch->otherwise)) return binding;
      changed = with(with(ref_to(*branch), &Branch::then, then), &Branch::otherwise, otherwise);
    } else if (const auto* loop = as<Loop>(binding->operation)) {
      Ref<Body> inside = body(loop->body);
      if (inside.same_as(loop->body)) return binding;
      changed = with(ref_to(*loop), &Loop::body, inside);
    } else {
      return binding;
    }
    nested_changed_ = true;
    return with(binding, &Binding::operation, as_ref<Operation>(changed));
  }

  arith::Analyzer analyzer_;
  bool nested_changed_ = false;
};

Ref<Module> check_sizes(const Ref<Module>& module, PassContext&) {
  return map_functions(module, [](const Ref<Function>& function) {
    Ref<Body> body = Checker().body(function->body);
    return body.same_as(function->body) ? function : with(function, &Function::body, body);
  });
}

} // namespace

extern const Pass check_sizes_pass = {
    .name = "check_sizes",
    .doc = "puts checks before operators whose sizes only might be right",
    .graph = check_sizes,
};

} // namespace tw::passes

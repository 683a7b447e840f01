// SPDX-License-Identifier: Apache-2.0
// The engine of graph passes: goes through the bindings of a function in order, offers each operator call to a rule, and builds the new
// body from what the rule gives.
//
//   function = rewrite_calls(function, [&](GraphRewriter& graph, const OpCall& call) -> Replacement {
//     if (call.op != "relu") return {};                          // keep the call
//     const OpCall* inner = graph.producer(call.args[0], "relu");
//     return inner ? Replacement{{as_ref<Operand>(call.args[0])}} : Replacement{};   // relu(relu(x)) is relu(x)
//   });
//
// The rule sees arguments that are already rewritten, may emit calls (the rewriter is a GraphBuilder: each is typed at once), and gives
// one operand for each result. Users of a value whose type changed are typed again. Bodies of Branch and Loop are rewritten in place and
// see the definitions around them. What nobody uses any more is dropped at the end.
#pragma once

#include "ops/op.h"
#include "passes/pass.h"

#include <unordered_set>

namespace tw::passes {

using Operands = std::vector<Ref<Operand>>;
using Replacement = std::optional<Operands>;

class GraphRewriter final : public ops::GraphBuilder {
public:
  using Rule = FunctionRef<Replacement(GraphRewriter&, const OpCall&)>;
  // `retype`: type every call again, also where no argument changed.
  explicit GraphRewriter(const GraphRewriter* outer = nullptr, bool retype = false) : outer_(outer), retype_(retype) {}
  Ref<Body> run(const Ref<Body>& body, Rule rule);
  bool changed() const { return changed_; }

  // ---- for rules
  // The call that gives the operand; null for parameters, constants, results of other operations. With a name: only that operator.
  const OpCall* producer(const Node* operand) const;
  template <class T> const OpCall* producer(const Opt<T>& operand) const { return producer(operand.node()); }
  template <class T> const OpCall* producer(const Opt<T>& operand, Name op) const {
    const OpCall* call = producer(operand.node());
    return call && call->op == op ? call : nullptr;
  }
  // The values that a call found by `producer` gives.
  List<Ref<Value>> results_of(const OpCall& call) const;
  // Has the operand exactly one user? May say no where an earlier replacement in the same sweep removed the others.
  bool single_use(const Node* operand) const;
  template <class T> bool single_use(const Opt<T>& operand) const { return single_use(operand.node()); }
  // The call being rewritten, with the values it gives.
  const Binding& binding() const { return *current_.get(); }

  // Like call_all; the results are named like the values of the call being rewritten.
  std::vector<Ref<Value>> call_in_place(Name op, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs);

  void emit(const Ref<Binding>& binding) override;

private:
  Ref<Operand> map(const Ref<Operand>& operand) const;
  Ref<Operation> map_operation(const Ref<Operation>& operation, Rule rule);
  Ref<Body> nested(const Ref<Body>& body, Rule rule);
  void keep(const Ref<Binding>& original, const Ref<Operation>& operation);
  void replace(const Ref<Binding>& original, Operands results, size_t first_emitted);
  void define(const Ref<Binding>& binding);
  void count_uses(const Node* n, int64_t sign);

  const GraphRewriter* outer_;
  bool retype_, changed_ = false;
  std::vector<Ref<Binding>> out_;
  std::unordered_map<const Node*, const OpCall*> producers_;
  std::unordered_map<const OpCall*, List<Ref<Value>>> results_;
  std::unordered_map<const Node*, int64_t> uses_;
  Substitution replaced_;
  Opt<Binding> current_;
};

// The function after sweeps of the rule until nothing changes, at most `sweeps` times; the same node if nothing did.
Ref<Function> rewrite_calls(const Ref<Function>& function, GraphRewriter::Rule rule, int sweeps = 1, bool retype = false);
// The same for every function of a module; errors gain the function's name.
Ref<Module> rewrite_calls(const Ref<Module>& module, GraphRewriter::Rule rule, int sweeps = 1);
Ref<Module> map_functions(const Ref<Module>& module, FunctionRef<Ref<Function>(const Ref<Function>&)> f);

// Types every call again, from the parameters on.
Ref<Function> infer_types_again(const Ref<Function>& function);
// Drops bindings whose results nobody uses, and results of branches and stacked results of loops that nobody uses. Calls of the module's
// callables stay unless `may_drop_call` allows.
Ref<Body> without_dead_bindings(const Ref<Body>& body);
Ref<Body> without_dead_bindings(const Ref<Body>& body, FunctionRef<bool(Name)> may_drop_call);

} // namespace tw::passes

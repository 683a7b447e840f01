// SPDX-License-Identifier: Apache-2.0
// Rules of both levels (variables, types, attributes, the Module) and of graphs.
#include "ir/build.h"
#include "ir/verify.h"

#include <algorithm>
#include <set>

namespace tw::verifying {
namespace {

Name id_of(const Node* n) { return as<Function>(n) ? as<Function>(n)->id : as<Kernel>(n) ? as<Kernel>(n)->id : Name(); }

bool unique_names(const List<Ref<Attr>>& attrs) {
  std::set<Name> seen;
  return std::all_of(attrs.begin(), attrs.end(), [&](const auto& a) { return !a->name.empty() && seen.insert(a->name).second; });
}

// Could be one type: as far as literal sizes tell.
bool compatible(const Ref<Type>& a, const Ref<Type>& b) {
  const auto *x = as<TensorType>(a), *y = as<TensorType>(b);
  if (!x || !y) return a->kind_id == b->kind_id;
  if (x->element != y->element || x->shape.size() != y->shape.size()) return false;
  for (size_t i = 0; i < x->shape.size(); ++i)
    if (auto m = as_int(x->shape[i]), n = as_int(y->shape[i]); m && n && *m != *n) return false;
  return true;
}
template <class A, class B> bool all_compatible(const A& operands, size_t skip, const B& values) {
  if (operands.size() != values.size() + skip) return false;
  for (size_t i = 0; i < values.size(); ++i)
    if (!compatible(type_of(operands[i + skip].node()), type_of(values[i].node()))) return false;
  return true;
}

bool is_flag(const Opt<Operand>& o) {
  const auto* t = as<TensorType>(type_of(o.node()));
  return t && t->element == boolean;
}

bool loop_matches(const Loop& l, const List<Ref<Value>>& values) {
  size_t carried = l.init.size(), first = l.conditional, stacked = static_cast<size_t>(l.stacked);
  const Body& b = *l.body;
  if (b.params.size() != carried + 1 || b.results.size() != first + carried + stacked || values.size() != carried + stacked) return false;
  for (size_t i = 0; i < carried; ++i) {
    Ref<Type> type = b.params[i + 1]->type;
    if (!compatible(type_of(l.init[i].node()), type) || !compatible(type_of(b.results[first + i].node()), type)) return false;
  }
  return true;
}

bool operation_matches(const Binding& b, const Context&) {
  if (const auto* x = as<Branch>(b.operation))
    return x->then->params.empty() && x->otherwise->params.empty() && all_compatible(x->then->results, 0, b.values) &&
           all_compatible(x->otherwise->results, 0, b.values);
  if (const auto* x = as<Loop>(b.operation)) return loop_matches(*x, b.values);
  if (const auto* x = as<Invoke>(b.operation)) {
    if (x->outputs.size() != b.values.size()) return false;
    for (size_t i = 0; i < b.values.size(); ++i)
      if (!equal(x->outputs[i], b.values[i]->type)) return false;
  }
  return true;
}

const Node* callee_of(const Invoke& x, const Context& context) {
  auto found = context.callables.find(x.callee.str());
  return found == context.callables.end() ? nullptr : found->second;
}

// Kernels take their inputs as arguments and give their outputs; what is both is an argument and a result.
bool call_matches(const Invoke& x, const Context& context) {
  const Node* callee = callee_of(x, context);
  if (const auto* f = as<Function>(callee))
    return f->dims.size() == x.scalars.size() && all_compatible(x.args, 0, f->body->params) && f->body->results.size() == x.outputs.size();
  const auto* k = as<Kernel>(callee);
  if (!k) return true; // that there is a callee is another rule
  size_t inputs = 0, outputs = 0;
  auto fits = [&](const Ref<Type>& type, const Buffer& buffer) {
    const auto* t = as<TensorType>(type);
    bool flat = context.stage == Stage::flat || context.stage == Stage::any;
    return t && t->element == buffer.element && (flat || t->shape.size() == buffer.shape.size());
  };
  for (const auto& p : k->params) {
    if (p->access != Access::out && (inputs >= x.args.size() || !fits(type_of(x.args[inputs++].node()), *p->buffer))) return false;
    if (p->access != Access::in && (outputs >= x.outputs.size() || !fits(x.outputs[outputs++], *p->buffer))) return false;
  }
  return inputs == x.args.size() && outputs == x.outputs.size() && x.scalars.size() == k->dims.size();
}

std::vector<Rule> shared_rules() {
  return {
      rule<Var>(always, "a variable's facts agree: min <= max, multiple >= 1",
                [](const Var& v, const Context&) { return v.min <= v.max && v.multiple >= 1; }),
      rule<TensorType>(always, "a size is an i64 and not negative",
                       [](const TensorType& t, const Context&) {
                         return std::all_of(t.shape.begin(), t.shape.end(),
                                            [](const auto& s) { return s->dtype == i64 && as_int(s).value_or(0) >= 0; });
                       }),
      rule<TensorType>(always, "a tensor's elements are scalars", [](const TensorType& t, const Context&) { return t.element.lanes == 1; }),
      rule<Constant>(always, "a constant's sizes are literals and its data has the size of its type",
                     [](const Constant& c, const Context&) {
                       auto sizes = static_shape(c.type->shape);
                       if (!sizes) return false;
                       size_t count = static_cast<size_t>(c.type->element.bytes());
                       for (int64_t s : *sizes)
                         if (__builtin_mul_overflow(count, static_cast<size_t>(s), &count)) return false;
                       return count == c.data.size();
                     }),
      rule<Module>(always, "functions are sorted by name, and names are unique",
                   [](const Module& m, const Context&) {
                     for (size_t i = 1; i < m.functions.size(); ++i)
                       if (!(id_of(m.functions[i - 1].node()) < id_of(m.functions[i].node()))) return false;
                     return true;
                   }),
      rule<Module>(always, "attributes have different names", [](const Module& m, const Context&) { return unique_names(m.attrs); }),
      rule<Function>(always, "attributes have different names", [](const Function& f, const Context&) { return unique_names(f.attrs); }),
      rule<Function>(always, "a function has a name", [](const Function& f, const Context&) { return !f.id.empty(); }),
  };
}

} // namespace

const std::vector<Rule>& graph_rules() {
  static const auto* rules = [] {
    auto* out = new std::vector<Rule>(shared_rules());
    std::vector<Rule> graph = {
        rule<OpCall>(always, "attributes are sorted by name, and names are unique",
                     [](const OpCall& c, const Context&) {
                       return unique_names(c.attrs) && std::is_sorted(c.attrs.begin(), c.attrs.end(),
                                                                      [](const auto& a, const auto& b) { return a->name < b->name; });
                     }),
        rule<OpCall>(always, "an operator has a name", [](const OpCall& c, const Context&) { return !c.op.empty(); }),
        rule<OpCall>(from(Stage::lowered), "only calls of kernels and functions are left, views, and what the entry does itself",
                     [](const OpCall& c, const Context&) {
                       return c.op == "read_sizes" || c.op == "assume" || c.op == "barrier" || c.op == "reshape" || c.op == "squeeze" ||
                              c.op == "unsqueeze" || c.op == "concat";
                     }),
        rule<Invoke>(always, "the callee is in the module", [](const Invoke& x, const Context& c) { return callee_of(x, c) != nullptr; }),
        rule<Invoke>(always, "arguments, scalars and outputs fit the callee's parameters", call_matches),
        rule<Binding>(always, "values, bodies and results of an operation agree in number and type", operation_matches),
        rule<Branch>(always, "the condition of a branch is a bool tensor", [](const Branch& b, const Context&) { return is_flag(b.cond); }),
        rule<Loop>(always, "the conditions of a loop are bool tensors, its trip count one of integers",
                   [](const Loop& l, const Context&) {
                     const auto* trip = l.trip ? as<TensorType>(type_of(l.trip.node())) : nullptr;
                     return (!l.trip || (trip && trip->element.is_int())) && (!l.cond || is_flag(l.cond)) && l.stacked >= 0 &&
                            (!l.conditional || (!l.body->results.empty() && is_flag(l.body->results[0])));
                   }),
        rule<TupleType>(from(Stage::graph), "tuples are gone", [](const TupleType&, const Context&) { return false; }),
        rule<SequenceType>(from(Stage::graph), "sequences are gone", [](const SequenceType&, const Context&) { return false; }),
        rule<OptionalType>(from(Stage::graph), "optional values are gone", [](const OptionalType&, const Context&) { return false; }),
        rule<Storage>(always, "an alias names what it shares memory with, other places do not",
                      [](const Storage& s, const Context&) {
                        return (s.where == StorageKind::alias) == (s.of.node() != nullptr) && s.offset >= 0 &&
                               (!s.begin || as_int(s.begin).value_or(0) >= 0);
                      }),
    };
    out->insert(out->end(), graph.begin(), graph.end());
    return out;
  }();
  return *rules;
}

} // namespace tw::verifying

// SPDX-License-Identifier: Apache-2.0
// Gathers operator calls into groups, each of which becomes one kernel: a graph Function with the attribute `fused`, called by Invoke.
// Equal groups share one function; symbolic sizes become its dims.
//
// Greedy from producers to consumers. A call joins the group of an argument if nobody else reads that argument, so the group may move down
// to where the call stands and no cycle can arise. What may follow what is a table of OpDef::fusion:
//
//   group so far      may take
//   elementwise       elementwise, injective (if it does not repeat elements), reduction
//   injective         elementwise, injective (likewise), reduction
//   reduction         elementwise of the same size (its epilogue)
//   product           elementwise of the same size (its epilogue)
//   opaque            nothing
#include "ir/visit.h"
#include "ops/op.h"
#include "passes/fusion.h"
#include "passes/pass.h"

#include <unordered_set>

namespace tw::passes {
namespace {

using ops::Fusion;

struct Group {
  Fusion kind = Fusion::opaque;
  std::vector<Ref<Binding>> members;
};

// Views cost nothing and are no kernels: the memory plan gives them their argument's bytes.
bool is_view(const OpCall& call) { return call.op == "reshape"; }

class Fuser {
public:
  Fuser(const Ref<Module>& module, PassContext& context) : module_(module), context_(context) {}

  Ref<Function> run(const Ref<Function>& function) {
    count_uses(function);
    return map_bodies(function, [&](const Ref<Body>& body) { return fuse_body(body); });
  }
  const std::vector<Ref<Callable>>& created() const { return created_; }

private:
  void count_uses(const Ref<Function>& function) {
    visit(
        function.node(),
        [&](const OpCall& call) {
          for (const auto& a : call.args) ++uses_[a.node()];
        },
        [&](const Invoke& call) {
          for (const auto& a : call.args) ++uses_[a.node()];
        },
        [&](const Body& body, Walk walk) {
          // A value that a nested body or a result reads stays visible.
          for (const auto& r : body.results) uses_[r.node()] += 2;
          walk(static_cast<const Node*>(&body));
        },
        [&](const Branch& b, Walk walk) { ++uses_[b.cond.node()], walk(static_cast<const Node*>(&b)); },
        [&](const Loop& l, Walk walk) {
          for (const auto& v : l.init) ++uses_[v.node()];
          if (l.trip) ++uses_[l.trip.node()];
          if (l.cond) ++uses_[l.cond.node()];
          walk(static_cast<const Node*>(&l));
        });
  }

  static bool repeats_elements(const OpCall& call) {
    return call.op == "expand" || call.op == "tile" || call.op == "gather" || call.op == "gather_elements" || call.op == "gather_nd" ||
           call.op == "resize";
  }

  bool same_size(const Node* a, const Node* b) {
    return arith::prove_equal(element_count(tensor_of(a)->shape), element_count(tensor_of(b)->shape));
  }

  // May `call`, of that kind, join a group through `arg`?
  bool joins(const Group& group, const OpCall& call, Fusion kind, const Node* arg, const Node* result) {
    switch (group.kind) {
    case Fusion::elementwise:
    case Fusion::injective:
      if (kind == Fusion::elementwise) return same_size(arg, result) || group.members.size() == 1;
      if (kind == Fusion::injective) return !repeats_elements(call);
      return kind == Fusion::reduction && call.args[0].node() == arg;
    case Fusion::reduction:
    case Fusion::product: return kind == Fusion::elementwise && same_size(arg, result);
    case Fusion::opaque: return false;
    }
    return false;
  }

  static Fusion merged(Fusion group, Fusion added) {
    if (group == Fusion::product || group == Fusion::reduction) return group;
    return added == Fusion::elementwise ? group : added;
  }

  Ref<Body> fuse_body(const Ref<Body>& body) {
    std::vector<std::optional<Group>> groups; // by the position of their last member; empty: moved down
    std::unordered_map<const Node*, size_t> group_of;
    std::vector<Ref<Binding>> bindings = body->bindings.vector();
    groups.resize(bindings.size());
    for (size_t i = 0; i < bindings.size(); ++i) {
      const auto* call = as<OpCall>(bindings[i]->operation);
      if (!call || is_view(*call) || !is_kernel(*call)) continue;
      const ops::OpDef& op = ops::get(call->op);
      Group mine{.kind = op.fusion, .members = {}};
      if (bindings[i]->values.size() == 1 && mine.kind != Fusion::opaque) {
        const Node* result = bindings[i]->values[0].node();
        // The group with the most work first: a product, then a reduction.
        std::vector<size_t> candidates;
        for (const auto& a : call->args)
          if (auto found = group_of.find(a.node()); found != group_of.end() && uses_[a.node()] == 1) {
            const Group& g = *groups[found->second];
            // Only the last member's value is seen from outside the group, so it must be alone.
            if (g.members.back()->values.size() == 1 && joins(g, *call, op.fusion, a.node(), result)) candidates.push_back(found->second);
          }
        std::sort(candidates.begin(), candidates.end());
        candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
        std::stable_sort(candidates.begin(), candidates.end(), [&](size_t x, size_t y) { return groups[x]->kind > groups[y]->kind; });
        bool anchored = false;
        for (size_t g : candidates) {
          bool heavy = groups[g]->kind >= Fusion::reduction;
          if (heavy && anchored) continue; // one anchor in a group
          if (heavy && mine.kind >= Fusion::reduction) continue;
          anchored = anchored || heavy;
          mine.kind = merged(groups[g]->kind >= mine.kind ? groups[g]->kind : mine.kind, op.fusion);
          for (const auto& m : groups[g]->members) mine.members.push_back(m);
          groups[g].reset();
        }
      }
      mine.members.push_back(bindings[i]);
      for (const auto& m : mine.members)
        for (const auto& v : m->values) group_of[v.node()] = i;
      groups[i] = std::move(mine);
    }
    std::vector<Ref<Binding>> out;
    for (size_t i = 0; i < bindings.size(); ++i) {
      if (groups[i]) out.push_back(outline(*groups[i]));
      else if (!group_of.count(bindings[i]->values.empty() ? nullptr : bindings[i]->values[0].node())) out.push_back(bindings[i]);
    }
    return with(body, &Body::bindings, List<Ref<Binding>>(std::move(out)));
  }

  // Constants of one element are written into the kernel; others are arguments, so that layers of equal shape share a kernel.
  static bool is_inlined(const Node* operand) {
    const auto* c = as<Constant>(operand);
    auto shape = c ? static_shape(c->type->shape) : std::nullopt;
    if (!shape) return false;
    int64_t count = 1;
    for (int64_t d : *shape) count *= d;
    return count == 1;
  }

  Ref<Binding> outline(const Group& group) {
    std::vector<const Node*> inputs;
    std::unordered_set<const Node*> inside, seen;
    for (const auto& m : group.members)
      for (const auto& v : m->values) inside.insert(v.node());
    for (const auto& m : group.members)
      for (const auto& a : as<OpCall>(m->operation)->args)
        if (a && !inside.count(a.node()) && !is_inlined(a.node()) && seen.insert(a.node()).second) inputs.push_back(a.node());
    Substitution map;
    std::vector<Ref<Value>> params;
    std::vector<Ref<Operand>> args;
    for (const Node* input : inputs) {
      Ref<Value> param = make(Value{.id = fmt::format("p{}", params.size()), .type = type_of(input)});
      map.emplace(input, param);
      params.push_back(param);
      args.push_back(Ref<Operand>(input, 0));
    }
    const Ref<Binding>& last = group.members.back();
    std::vector<Ref<Operand>> results;
    std::vector<Ref<Type>> types;
    for (const auto& v : last->values) {
      results.push_back(v);
      types.push_back(v->type);
    }
    Ref<Body> body = make(Body{.params = std::move(params), .bindings = group.members, .results = std::move(results)});
    body = substitute(body, map);
    FunctionDims dims = dims_of(body);
    List<Ref<Attr>> attrs = {make(Attr{.name = "fused", .value = Name(name_of(group.kind))})};
    Ref<Function> function = make(Function{.id = "", .dims = dims.fresh, .body = renew(substitute(body, dims.renaming)), .attrs = attrs});
    OriginScope scope(fused_origin(group.members));
    Name callee = share(function, group);
    return make(
        Binding{.values = last->values,
                .operation = make(Invoke{.callee = callee, .args = std::move(args), .outputs = std::move(types), .scalars = dims.actual})});
  }

  struct FunctionDims {
    List<Ref<Var>> fresh;
    List<Ref<Expr>> actual;
    Substitution renaming;
  };
  static FunctionDims dims_of(const Ref<Body>& body) {
    FunctionDims out;
    std::vector<Ref<Var>> fresh;
    std::vector<Ref<Expr>> actual;
    visit(body, [&](const Var& v) {
      if (out.renaming.count(&v)) return;
      Ref<Var> mine = make(Var{.id = v.id, .type = v.type, .min = v.min, .max = v.max, .multiple = v.multiple});
      out.renaming.emplace(&v, mine);
      fresh.push_back(mine);
      actual.push_back(ref_to<Expr>(v));
    });
    out.fresh = List<Ref<Var>>(std::move(fresh));
    out.actual = List<Ref<Expr>>(std::move(actual));
    return out;
  }

  static Opt<Origin> fused_origin(const std::vector<Ref<Binding>>& members) {
    std::vector<Ref<Origin>> parts;
    for (const auto& m : members)
      if (const auto& o = m->operation->origin; o && (parts.empty() || !parts.back().same_as(o))) parts.push_back(as_ref<Origin>(o));
    if (parts.empty()) return {};
    if (parts.size() == 1) return parts[0];
    return make(Origin{.kind = OriginKind::fused, .text = "", .parts = std::move(parts)});
  }

  // Equal functions get one name.
  Name share(const Ref<Function>& function, const Group& group) {
    auto& same_hash = by_hash_[structural_hash(function.node())];
    for (const auto& f : same_hash)
      if (equal(with(f, &Function::id, Name("")), function)) return f->id;
    std::string base;
    for (const auto& m : group.members) {
      if (base.size() > 40) break;
      base += (base.empty() ? "" : "_") + as<OpCall>(m->operation)->op.str();
    }
    std::string id = base;
    for (int n = 1; find_callable(module_, id) || !names_.insert(id).second; ++n) id = fmt::format("{}_{}", base, n);
    Ref<Function> named = with(function, &Function::id, Name(id));
    same_hash.push_back(named);
    created_.push_back(named);
    return id;
  }

  Ref<Module> module_;
  PassContext& context_;
  std::unordered_map<const Node*, int> uses_;
  std::unordered_map<uint32_t, std::vector<Ref<Function>>> by_hash_;
  std::unordered_set<std::string> names_;
  std::vector<Ref<Callable>> created_;
};

} // namespace

bool is_kernel(const OpCall& call) { return call.op != "read_sizes" && call.op != "assume" && !is_view(call); }

bool is_fused(const Callable& callable) {
  const auto* f = as<Function>(&callable);
  if (!f) return false;
  for (const auto& a : f->attrs)
    if (a->name == "fused") return true;
  return false;
}

Ref<Module> fuse(const Ref<Module>& module, PassContext& context) {
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : module->functions) {
    if (!as<Function>(callable) || is_fused(*callable)) continue;
    Fuser fuser(module, context);
    changed.push_back(fuser.run(as_ref<Function>(callable)));
    changed.insert(changed.end(), fuser.created().begin(), fuser.created().end());
  }
  return with_callables(module, changed);
}

extern const Pass fuse_pass;
const Pass fuse_pass = {.name = "fuse", .doc = "gathers operator calls into groups, one kernel each", .graph = fuse};

} // namespace tw::passes

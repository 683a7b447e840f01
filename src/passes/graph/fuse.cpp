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
//   product           elementwise of the same size (its epilogue); the next convolution of a chain around a depthwise one
//   opaque            nothing
//
// Constants around what is computed in place (borders) share a kernel, though nothing connects them.
//
// Attention reads each row of its operands as a whole, so it takes what only moves rows about: transposes and slices that leave the last
// dimension in its place, before it and behind it. Its keys it puts into columns by itself, so they may come in any order. Such movements
// join each other, attention and elementwise operators through reshapes, which then are part of the group: one index map remains.
#include "ir/visit.h"
#include "passes/depthwise_chains.h"
#include "passes/fusion.h"
#include "passes/operands.h"
#include "passes/placement.h"

#include <unordered_set>

namespace tw::passes {
namespace {

using ops::Fusion;

struct Group {
  Fusion kind = Fusion::opaque;
  std::vector<Ref<Binding>> members;
  bool attention = false;
  bool moves_only = false, keeps_rows = false; // nothing but transposes, slices and reshapes; the last dimension stays contiguous
  bool borders = false;                        // constants that fill parts of concatenations in place: all are results
};

bool moves(const OpCall& call) { return call.op == "transpose" || call.op == "slice" || call.op == "roll"; }

bool keeps_rows(const OpCall& call) {
  auto last = static_cast<int64_t>(shape_of_operand(call.args[0]).size()) - 1;
  if (last < 0) return false;
  std::vector<int64_t> axes = normal_axes(attribute<List<int64_t>>(call, "axes"), static_cast<size_t>(last + 1));
  if (call.op == "transpose") return axes.empty() ? last == 0 : axes.back() == last;
  if (call.op == "roll") return std::find(axes.begin(), axes.end(), last) == axes.end();
  const auto& steps = attribute<List<int64_t>>(call, "steps");
  for (size_t i = 0; i < steps.size(); ++i)
    if (steps[i] != 1 && (axes.empty() ? static_cast<int64_t>(i) : axes[i]) == last) return false;
  return true;
}

// Rows stay rows, or each becomes several.
bool splits_rows(const OpCall& reshape, const Node* result) {
  Shape from = shape_of_operand(reshape.args[0]), to = shape_of_operand(result);
  if (from.empty() || to.empty()) return false;
  auto a = as_int(from.back()), b = as_int(to.back());
  return same_shape({from.back()}, {to.back()}) || (a && b && *b > 1 && *a % *b == 0);
}

// Views cost nothing and are no kernels: the memory plan gives them their arguments' bytes.
bool is_view(const OpCall& call) { return call.op == "reshape" || is_in_place(call); }

class Fuser {
public:
  Fuser(const Ref<Module>& module, PassContext& context) : module_(module), context_(context) {}

  Ref<Function> run(const Ref<Function>& function) {
    count_uses(function);
    chains_.emplace(*function.get(), context_.target, Borders::placed);
    return map_bodies(function, [&](const Ref<Body>& body) { return fuse_body(body); });
  }
  const std::vector<Ref<Callable>>& created() const { return created_; }

private:
  void count_uses(const Ref<Function>& function) {
    visit(
        function.node(),
        [&](const OpCall& call) {
          for (const auto& a : call.args) ++uses_[a.node()];
          if (!is_in_place(call)) return;
          for (const auto& a : call.args) parts_.insert(a.node());
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
  bool joins(const Group& group, const OpCall& call, Fusion kind, const Node* arg, const Node* result, bool keys) {
    if (call.op == "attention") return group.moves_only && (group.keeps_rows || keys);
    if (group.attention && moves(call)) return keeps_rows(call);
    if (chains_->follows(call)) return call.args[0].node() == arg;
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

  // The group that an argument comes from, and the reshapes on the way, the last one first.
  struct Source {
    size_t group;
    std::vector<Ref<Binding>> views;
  };
  std::optional<Source> source_of(const OpCall& call, const Node* arg) {
    Source source{};
    for (; uses_[arg] == 1; arg = as<OpCall>(source.views.back()->operation)->args[0].node()) {
      if (auto found = group_of_.find(arg); found != group_of_.end()) {
        source.group = found->second;
        const Group& g = *groups_[source.group];
        // Only the last member's value is seen from outside the group, so it must be alone.
        if (g.members.back()->values.size() != 1) return {};
        bool takes_rows = ops::get(call.op).fusion == Fusion::elementwise && g.moves_only && g.keeps_rows;
        bool through_views = takes_rows || ((moves(call) || call.op == "attention") && (g.moves_only || g.attention));
        return source.views.empty() || through_views ? std::optional(source) : std::nullopt;
      }
      auto view = views_.find(arg);
      if (view == views_.end() || !splits_rows(*as<OpCall>(view->second->operation), arg)) return {};
      source.views.push_back(view->second);
    }
    return {};
  }

  // Takes the groups of the call's arguments into its own, the group with the most work first: a product, then a reduction.
  void take_sources(Group& mine, const OpCall& call, Fusion kind, const Node* result) {
    std::vector<Source> sources;
    for (size_t i = 0; i < call.args.size(); ++i) {
      const auto& a = call.args[i];
      auto source = source_of(call, a.node());
      if (!source) continue;
      bool known = std::any_of(sources.begin(), sources.end(), [&](const Source& s) { return s.group == source->group; });
      const Node* joint = source->views.empty() ? a.node() : as<OpCall>(source->views.back()->operation)->args[0].node();
      if (!known && joins(*groups_[source->group], call, kind, joint, result, i == 1)) sources.push_back(std::move(*source));
    }
    std::stable_sort(sources.begin(), sources.end(), [&](const Source& x, const Source& y) {
      return std::pair(groups_[y.group]->kind, x.group) < std::pair(groups_[x.group]->kind, y.group);
    });
    bool anchored = false;
    for (const Source& source : sources) {
      Group& g = *groups_[source.group];
      bool heavy = g.kind >= Fusion::reduction;
      bool alone = mine.kind >= Fusion::reduction && !chains_->follows(call);
      if (heavy && (anchored || alone)) continue; // one anchor in a group, but for chains
      anchored = anchored || heavy;
      mine.kind = merged(g.kind >= mine.kind ? g.kind : mine.kind, kind);
      mine.attention = mine.attention || g.attention;
      mine.moves_only = mine.moves_only && g.moves_only;
      mine.keeps_rows = mine.keeps_rows && g.keeps_rows;
      mine.members.insert(mine.members.end(), g.members.begin(), g.members.end());
      mine.members.insert(mine.members.end(), source.views.rbegin(), source.views.rend());
      groups_[source.group].reset();
    }
  }

  Ref<Body> fuse_body(const Ref<Body>& body) {
    std::vector<Ref<Binding>> bindings = body->bindings.vector();
    groups_.assign(bindings.size(), {});
    group_of_.clear();
    views_.clear();
    for (size_t i = 0; i < bindings.size(); ++i) {
      const auto* call = as<OpCall>(bindings[i]->operation);
      if (call && call->op == "reshape") views_.emplace(bindings[i]->values[0].node(), bindings[i]);
      if (!call || is_view(*call) || !is_kernel(*call)) continue;
      Fusion kind = ops::get(call->op).fusion;
      Group mine{.kind = kind, .attention = call->op == "attention", .moves_only = moves(*call)};
      mine.keeps_rows = mine.moves_only && keeps_rows(*call);
      mine.borders = is_border(*call, bindings[i]->values);
      // Borders of one value follow each other.
      if (mine.borders && i > 0 && groups_[i - 1] && groups_[i - 1]->borders) {
        mine.members = std::move(groups_[i - 1]->members);
        groups_[i - 1].reset();
      } else if (bindings[i]->values.size() == 1 && kind != Fusion::opaque) take_sources(mine, *call, kind, bindings[i]->values[0].node());
      mine.members.push_back(bindings[i]);
      for (const auto& m : mine.members)
        for (const auto& v : m->values) group_of_.insert_or_assign(v.node(), i);
      groups_[i] = std::move(mine);
    }
    std::vector<Ref<Binding>> out;
    for (size_t i = 0; i < bindings.size(); ++i) {
      if (groups_[i]) out.push_back(outline(*groups_[i]));
      else if (!group_of_.count(bindings[i]->values.empty() ? nullptr : bindings[i]->values[0].node())) out.push_back(bindings[i]);
    }
    return with(body, &Body::bindings, List<Ref<Binding>>(std::move(out)));
  }

  // A constant that nothing but a concatenation in place takes.
  bool is_border(const OpCall& call, const List<Ref<Value>>& values) const {
    return call.op == "constant_fill" && is_inlined(call.args[0].node()) && parts_.contains(values[0].node()) &&
           uses_.at(values[0].node()) == 1;
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
    std::vector<Ref<Value>> values;
    std::vector<Ref<Operand>> results;
    std::vector<Ref<Type>> types;
    for (size_t i = group.borders ? 0 : group.members.size() - 1; i < group.members.size(); ++i)
      for (const auto& v : group.members[i]->values) {
        values.push_back(v);
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
        Binding{.values = std::move(values),
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
      Ref<Var> mine = dim(v.id, v.min, v.max, v.multiple);
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
      const OpCall& call = *as<OpCall>(m->operation);
      if (base.size() > 40 || (group.borders && !base.empty())) break;
      if (group.attention && (moves(call) || is_view(call))) continue;
      base += (base.empty() ? "" : "_") + call.op.str();
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
  std::optional<DepthwiseChains> chains_; // of the function at hand
  std::unordered_map<const Node*, int> uses_;
  std::unordered_set<const Node*> parts_;    // of concatenations in place
  std::vector<std::optional<Group>> groups_; // of the body at hand, by the position of their last member; empty: moved down
  std::unordered_map<const Node*, size_t> group_of_;
  std::unordered_map<const Node*, Ref<Binding>> views_;
  std::unordered_map<uint32_t, std::vector<Ref<Function>>> by_hash_;
  std::unordered_set<std::string> names_;
  std::vector<Ref<Callable>> created_;
};

} // namespace

bool is_kernel(const OpCall& call) { return call.op != "read_sizes" && call.op != "assume" && call.op != "barrier" && !is_view(call); }

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

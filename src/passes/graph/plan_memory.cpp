// SPDX-License-Identifier: Apache-2.0
// Where each value lives during a run: views share their argument's bytes, parts of a concatenation in place lie in the bytes of the
// result, results of the entry are written in place, values of constant size get offsets in one arena by size, largest first, into the
// lowest gap among those alive at the same time; sizes that depend on the entry's dims share numbered regions; sizes known only during the
// run get slots. A result takes the place of an operand that nobody needs any more, where its kernel reads each element only to replace it;
// such kernels are marked (ir/overwrites.h).
//
// Gives the attributes arena_bytes, live_bytes (the most that those of the arena need at once: it can be no smaller), regions (sizes in
// bytes, as expressions over the dims), slots to the entry function.
#include "ir/over_dims.h"
#include "ir/overwrites.h"
#include "ir/visit.h"
#include "passes/fusion.h"
#include "passes/overwriting.h"
#include "passes/pass.h"
#include "passes/placement.h"

#include <map>
#include <set>
#include <unordered_set>

namespace tw::passes {
namespace {

constexpr int64_t alignment = 64;

struct Item {
  Ref<Value> value;
  Ref<Expr> bytes;
  int64_t first = 0, last = 0; // positions of the first write and the last use
  Opt<Storage> storage;        // of its own; none where it lies in another's place
};

// What the planner asks of kernels, and says about them. One for all functions, which share kernels.
class KernelTable {
public:
  explicit KernelTable(const Ref<Module>& module) : module_(module) {}

  const std::vector<Overwriting>& possible_overwriting(Name id) {
    auto [found, added] = possible_.try_emplace(id);
    if (added)
      if (auto kernel = as_opt<Kernel>(find_callable(module_, id))) found->second = passes::possible_overwriting(*kernel);
    return found->second;
  }
  void mark(Name id, size_t input) { marked_[id].insert(input); }

  std::vector<Ref<Callable>> marked_kernels() const {
    std::vector<Ref<Callable>> out;
    for (const auto& [id, inputs] : marked_) {
      Ref<Kernel> kernel = as_ref<Kernel>(find_callable(module_, id));
      std::vector<Name> names;
      for (size_t input : inputs) names.push_back(kernel->params[input]->buffer->id);
      out.push_back(with(kernel, &Kernel::attrs, with_attribute(kernel->attrs, overwrites_attribute, List<Name>(std::move(names)))));
    }
    return out;
  }

private:
  Ref<Module> module_;
  std::unordered_map<Name, std::vector<Overwriting>> possible_;
  std::map<Name, std::set<size_t>> marked_;
};

class Planner {
public:
  Planner(const Ref<Function>& function, KernelTable& kernels) : function_(function), kernels_(kernels) {}

  Ref<Function> run() {
    for (const auto& p : function_->body->params) params_.insert(p.node());
    find_wholes();
    walk(*function_->body);
    ++position_;
    for (size_t i = 0; i < function_->body->results.size(); ++i) result(function_->body->results[i].node(), static_cast<int64_t>(i));
    for (const auto& [binding, position] : launches_) overwrite(*binding, position);
    place();
    return annotate();
  }

private:
  // ---- lifetimes
  const Node* root(const Node* operand) const {
    for (auto found = alias_.find(operand); found != alias_.end(); found = alias_.find(operand)) operand = found->second;
    return operand;
  }

  void use(const Node* operand) {
    if (!operand) return;
    if (auto found = items_.find(root(operand)); found != items_.end()) order_[found->second].last = position_;
    // What both branches may have given lives as long as the branch's value.
    if (auto found = joined_.find(root(operand)); found != joined_.end())
      for (const Node* source : found->second) use(source);
  }

  // A value of which parts are computed before it lives from the first of them on.
  void find_wholes() {
    places_ = placements(*function_->body);
    for (const auto& binding : function_->body->bindings)
      for (const auto& value : binding->values) values_.emplace(value.node(), value);
    for (const auto& [part, place] : places_) alias_.emplace(part, place.whole);
  }

  void define(const Ref<Value>& value) {
    if (const Node* whole = root(value.node()); whole != value.node()) {
      if (!items_.contains(whole)) define(values_.at(whole));
      return use(whole);
    }
    items_.emplace(value.node(), order_.size());
    order_.push_back({value, bytes_of(*value), position_, position_, {}});
  }

  void walk(const Body& body) {
    for (const auto& binding : body.bindings) {
      ++position_;
      const Node* operation = binding->operation.node();
      if (const auto* call = as<OpCall>(operation)) {
        for (const auto& a : call->args) use(a.node());
        if (is_in_place(*call)) use(binding->values[0].node());
        else if (!is_kernel(*call) && !binding->values.empty()) alias_.emplace(binding->values[0].node(), call->args[0].node());
      } else if (const auto* invoke = as<Invoke>(operation)) {
        for (const auto& v : binding->values) define(v);
        for (const auto& a : invoke->args) use(a.node());
        launches_.emplace_back(&*binding, position_);
      } else if (const auto* branch = as<Branch>(operation)) {
        use(branch->cond.node());
        walk(*branch->then);
        walk(*branch->otherwise);
        ++position_;
        for (size_t i = 0; i < binding->values.size(); ++i)
          joined_[binding->values[i].node()] = {branch->then->results[i].node(), branch->otherwise->results[i].node()};
        for (const auto& v : binding->values) use(v.node());
      } else {
        throw unsupported("a {} in compiled code", kind_name(operation));
      }
    }
  }

  // Results are written where the caller wants them if a kernel of this function computes them and nothing else claims them.
  void result(const Node* operand, int64_t index) {
    use(operand);
    auto found = items_.find(root(operand));
    if (found == items_.end()) throw internal_error("result {} of the entry is not computed by a kernel", index);
    Item& item = order_[found->second];
    if (item.storage) throw internal_error("result {} of the entry shares its memory with another result", index);
    item.storage = make(Storage{.where = StorageKind::output, .offset = index});
  }

  // The item in whose memory one lies: itself, or that of an operand whose place it has taken.
  const Item& place_of(const Item& item) const { return order_[items_.at(item.value.node())]; }
  // The item of a value that is all of it, and in memory of this plan; null if there is none.
  Item* whole_item(const Node* operand) {
    auto found = items_.find(root(operand));
    if (found == items_.end()) return nullptr;
    Item& item = order_[found->second];
    bool planned = !item.storage && is_over(item.bytes, function_->dims);
    const auto* value = as<Value>(operand);
    return planned && value && !places_.contains(operand) && analyzer_.prove_equal(bytes_of(*value), item.bytes) ? &item : nullptr;
  }
  // Results of a launch take the places of operands whose last use it is.
  void overwrite(const Binding& binding, int64_t position) {
    const auto& invoke = *as<Invoke>(binding.operation);
    for (const Overwriting& pair : kernels_.possible_overwriting(invoke.callee)) {
      const Node *operand = invoke.args[pair.input].node(), *result = binding.values[pair.output - invoke.args.size()].node();
      Item *old = whole_item(operand), *young = whole_item(result);
      // A result that is a part of another value, or has a place already, keeps it.
      if (!old || !young || old == young || young->value.node() != result || old->last != position) continue;
      auto same = [&](const auto& a) { return root(a.node()) == root(operand); };
      if (std::count_if(invoke.args.begin(), invoke.args.end(), same) != 1 || !analyzer_.prove_equal(old->bytes, young->bytes)) continue;
      old->last = std::max(old->last, young->last);
      items_[result] = items_.at(root(operand));
      kernels_.mark(invoke.callee, pair.input);
    }
  }

  // ---- placement
  Ref<Expr> bytes_of(const Value& value) {
    Ref<TensorType> type = tensor_of(&value);
    // A size may be negative where the run does not come: beyond a check that fails, or in the other branch.
    return analyzer_.simplify(max(element_count(type->shape) * type->element.bytes(), imm(0)));
  }

  void place() {
    std::vector<Item*> fixed, symbolic;
    for (Item& item : order_) {
      if (item.storage || &place_of(item) != &item) continue;
      if (as_int(item.bytes)) fixed.push_back(&item);
      else if (is_over(item.bytes, function_->dims)) symbolic.push_back(&item);
      else item.storage = make(Storage{.where = StorageKind::slot, .offset = slots_++});
    }
    place_fixed(fixed);
    // First fit by liveness, in program order; a region is as large as its largest tenant.
    std::vector<int64_t> busy_until;
    for (Item* item : symbolic) {
      size_t r = 0;
      while (r < busy_until.size() && busy_until[r] >= item->first) ++r;
      if (r == busy_until.size()) {
        busy_until.push_back(0);
        regions_.push_back(item->bytes);
      } else {
        regions_[r] = analyzer_.simplify(max(regions_[r], item->bytes));
      }
      busy_until[r] = item->last;
      item->storage = make(Storage{.where = StorageKind::region, .offset = static_cast<int64_t>(r)});
    }
  }

  void place_fixed(std::vector<Item*> items) {
    struct Placed {
      int64_t begin, end, first, last;
    };
    auto size = [](const Item* i) { return *as_int(i->bytes); };
    auto needed = [&](const Item* i) { return (size(i) + alignment - 1) / alignment * alignment; };
    std::map<int64_t, int64_t> change; // of the bytes alive, by position
    for (const Item* item : items) change[item->first] += needed(item), change[item->last + 1] -= needed(item);
    int64_t alive = 0;
    for (auto [position, bytes] : change) live_bytes_ = std::max(live_bytes_, alive += bytes);
    std::stable_sort(items.begin(), items.end(), [&](const Item* a, const Item* b) { return size(a) > size(b); });
    std::vector<Placed> placed; // sorted by begin
    for (Item* item : items) {
      int64_t need = needed(item), at = 0;
      for (const Placed& p : placed) {
        bool together = p.first <= item->last && item->first <= p.last;
        if (!together) continue;
        if (p.begin >= at + need) break;
        at = std::max(at, p.end);
      }
      Placed mine{at, at + need, item->first, item->last};
      placed.insert(
          std::upper_bound(placed.begin(), placed.end(), mine, [](const Placed& a, const Placed& b) { return a.begin < b.begin; }), mine);
      arena_bytes_ = std::max(arena_bytes_, mine.end);
      item->storage = make(Storage{.where = StorageKind::arena, .offset = at});
    }
  }

  Ref<Function> annotate() {
    Substitution stored;
    auto store = [&](const Ref<Value>& value, const Opt<Storage>& storage) {
      stored.emplace(value.node(), with(value, &Value::storage, storage));
    };
    for (const Item& item : order_) store(item.value, place_of(item).storage);
    for (const auto& [part, place] : places_) {
      const Ref<Value>& value = values_.at(part);
      Ref<Storage> whole = as_ref<Storage>(order_[items_.at(place.whole)].storage);
      Ref<Expr> begin = analyzer_.simplify(elements_before(place) * tensor_of(value)->element.bytes());
      store(value, with(whole, &Storage::begin, is_int(begin, 0) ? Opt<Expr>() : Opt<Expr>(begin)));
    }
    Ref<Body> body = substitute(function_->body, stored);
    // Views name their root, which has been replaced already.
    Substitution views;
    visit(body, [&](const Binding& binding) {
      const auto* call = as<OpCall>(binding.operation);
      if (!call || is_kernel(*call) || is_in_place(*call) || binding.values.empty()) return;
      Opt<Operand> of = as_opt<Operand>(call->args[0]);
      if (auto earlier = views.find(of.node()); earlier != views.end()) of = as_opt<Operand>(as<Value>(earlier->second)->storage->of);
      views.emplace(binding.values[0].node(),
                    with(binding.values[0], &Value::storage, Opt<Storage>(make(Storage{.where = StorageKind::alias, .of = of}))));
    });
    body = substitute(body, views);
    auto attrs = with_attribute(function_->attrs, "arena_bytes", arena_bytes_);
    attrs = with_attribute(attrs, "live_bytes", live_bytes_);
    attrs = with_attribute(attrs, "regions", List<Ref<Expr>>(regions_));
    attrs = with_attribute(attrs, "slots", slots_);
    return with(with(function_, &Function::body, body), &Function::attrs, attrs);
  }

  Ref<Function> function_;
  KernelTable& kernels_;
  std::vector<std::pair<const Binding*, int64_t>> launches_; // with their positions
  std::unordered_set<const Node*> params_;
  std::unordered_map<const Node*, const Node*> alias_;
  std::unordered_map<const Node*, Ref<Value>> values_; // of the outermost body
  Placements places_;
  std::unordered_map<const Node*, std::vector<const Node*>> joined_;
  std::unordered_map<const Node*, size_t> items_;
  std::vector<Item> order_;
  std::vector<Ref<Expr>> regions_;
  arith::Analyzer analyzer_; // one: sizes recur
  int64_t position_ = 0, arena_bytes_ = 0, live_bytes_ = 0, slots_ = 0;
};

} // namespace

Ref<Module> plan_memory(const Ref<Module>& module, PassContext&) {
  KernelTable kernels(module);
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : module->functions)
    if (as<Function>(callable)) changed.push_back(Planner(as_ref<Function>(callable), kernels).run());
  for (auto& kernel : kernels.marked_kernels()) changed.push_back(std::move(kernel));
  return with_callables(module, changed);
}

extern const Pass plan_memory_pass;
const Pass plan_memory_pass = {.name = "plan_memory", .doc = "gives every value of the entry its place in the arena", .graph = plan_memory};

} // namespace tw::passes

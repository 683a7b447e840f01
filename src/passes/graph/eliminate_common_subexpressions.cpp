// SPDX-License-Identifier: Apache-2.0
// Computes equal things once: a call with the same operator, arguments and attributes as an earlier visible one becomes the earlier one's
// results. Constants with equal contents become one node first, so that calls on them are found equal.
#include "ir/visit.h"
#include "passes/graph_rewriter.h"

namespace tw::passes {
namespace {

void mix(size_t& hash, size_t word) { hash = (hash ^ word) * 0x9e3779b97f4a7c15u + (hash >> 29); }

// Contents are compared through their hash only where type and a few bytes agree already: large weights are rarely equal, and then they
// need not be read.
class ConstantPool {
public:
  Ref<Constant> unique(const Ref<Constant>& constant) {
    if (auto known = seen_.find(constant.node()); known != seen_.end()) return as_ref<Constant>(known->second);
    size_t key = structural_hash(constant->type.node());
    mix(key, constant->data.fingerprint());
    auto& bucket = buckets_[key];
    for (const auto& other : bucket)
      if (equal(other->type, constant->type) && other->data == constant->data) {
        seen_.emplace(constant.node(), other);
        kept_.push_back(constant);
        return other;
      }
    bucket.push_back(constant);
    seen_.emplace(constant.node(), constant);
    return constant;
  }

private:
  std::unordered_map<size_t, std::vector<Ref<Constant>>> buckets_;
  Substitution seen_;
  std::vector<Ref<Constant>> kept_; // keys of seen_ must live
};

bool same_call(const OpCall& a, const OpCall& b) {
  if (a.op != b.op || a.args.size() != b.args.size() || a.attrs.size() != b.attrs.size()) return false;
  for (size_t i = 0; i < a.args.size(); ++i)
    if (!a.args[i].same_as(b.args[i])) return false;
  for (size_t i = 0; i < a.attrs.size(); ++i)
    if (!equal(a.attrs[i], b.attrs[i])) return false;
  return true;
}

size_t hash_of(const OpCall& call) {
  size_t hash = std::hash<Name>()(call.op);
  for (const auto& arg : call.args) mix(hash, reinterpret_cast<size_t>(arg.node()));
  mix(hash, call.attrs.size());
  return hash;
}

class Merger {
public:
  Replacement operator()(const GraphRewriter& graph, const OpCall& call) {
    const Binding& binding = graph.binding();
    // What brings dims of its own gives other symbols each time.
    if (ops::get(call.op).effect || !binding.dims.empty()) return {};
    size_t hash = hash_of(call);
    auto [first, last] = known_.equal_range(hash);
    for (auto entry = first; entry != last; ++entry) {
      const auto& [earlier, values] = entry->second;
      bool visible = graph.producer(values[0]); // not inside another branch
      if (visible && same_call(*earlier.get(), call)) return Operands(values.begin(), values.end());
    }
    known_.emplace(hash, std::pair(ref_to(call), binding.values));
    return {};
  }

private:
  std::unordered_multimap<size_t, std::pair<Ref<OpCall>, List<Ref<Value>>>> known_;
};

Ref<Module> eliminate_common_subexpressions(const Ref<Module>& module, PassContext&) {
  ConstantPool constants;
  Ref<Module> merged = rewrite(module, [&](const Constant& constant) -> Opt<Operand> { return constants.unique(ref_to(constant)); });
  return map_functions(merged, [](const Ref<Function>& function) {
    Merger merger;
    return rewrite_calls(function, [&](GraphRewriter& graph, const OpCall& call) { return merger(graph, call); });
  });
}

} // namespace

extern const Pass eliminate_common_subexpressions_pass = {
    .name = "eliminate_common_subexpressions",
    .doc = "computes equal calls once, merges constants of equal content",
    .graph = eliminate_common_subexpressions,
};

} // namespace tw::passes

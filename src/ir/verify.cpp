// SPDX-License-Identifier: Apache-2.0
// The verifier's walk: scopes of identities, the rules of each node, the report.
#include "ir/verify.h"

#include "ir/text.h"
#include "ir/visit.h"

#include <unordered_set>

namespace tw {
namespace verifying {
namespace {

class Verifier {
public:
  Verifier(const Ref<Module>& module, Stage stage) : context_{.stage = stage, .module = *module, .callables = {}}, rules_(NodeList::size) {
    for (const auto* table : {&graph_rules(), &kernel_rules()})
      for (const Rule& rule : *table)
        if (rule.stages & bit(stage)) rules_[rule.kind].push_back(&rule);
    for (const auto& c : module->functions)
      if (Name id = id_of(c.node()); !id.empty()) context_.callables.emplace(id.str(), c.node());
  }
  void run() { walk(&context_.module, false); }

private:
  static Name id_of(const Node* n) {
    if (const auto* f = as<Function>(n)) return f->id;
    if (const auto* k = as<Kernel>(n)) return k->id;
    return "";
  }

  void walk(const Node* n, bool defining) {
    bool identity = detail::is_identity(n);
    if (identity && !defining) return use(n);
    bool memoise = as<Expr>(n) && detail::is_shared(n);
    if (memoise && checked_.count(n)) return;
    path_.push_back(n);
    size_t mark = in_scope_.size(), checked = checked_order_.size();
    if (identity && !introduced_.insert(n).second) fail("every variable, value and buffer is introduced once");
    for_flagged_children(n, [&](const Node* child, bool defines) { walk(child, defines); });
    for (const Rule* rule : rules_[n->kind_id])
      if (!rule->call(rule->holds, n, context_)) fail(rule->sentence);
    if (identity) {
      in_scope_.push_back(n);
      visible_.insert(n);
    } else if (!defining && !as<Binding>(n)) close(mark, checked); // a binding's values live as long as its body
    if (memoise && in_scope_.size() == mark) {
      checked_.insert(n);
      checked_order_.push_back(n);
    }
    path_.pop_back();
  }

  // What was found right with identities that are gone must be looked at again.
  void close(size_t mark, size_t checked) {
    if (in_scope_.size() == mark) return;
    for (; in_scope_.size() > mark; in_scope_.pop_back()) visible_.erase(in_scope_.back());
    for (; checked_order_.size() > checked; checked_order_.pop_back()) checked_.erase(checked_order_.back());
  }

  void use(const Node* n) {
    if (visible_.count(n)) return;
    path_.push_back(n);
    fail(introduced_.count(n) ? "a name is used inside its scope only" : "a name is introduced before it is used");
  }

  // The node, the statement or binding around it, the function, the stage, the origin.
  [[noreturn]] void fail(const char* sentence) const {
    Error error(context_.stage == Stage::imported ? ErrorKind::user : ErrorKind::internal, sentence);
    const Node* node = path_.back();
    error.at(fmt::format("{} {}", kind_name(node), to_short_text(node)));
    for (auto i = path_.rbegin() + 1; i < path_.rend(); ++i)
      if (as<Stmt>(*i) || as<Binding>(*i)) {
        error.at(to_short_text(*i));
        break;
      }
    for (const Node* n : path_)
      if (Name id = id_of(n); !id.empty()) error.at(fmt::format("{} '{}'", as<Kernel>(n) ? "kernel" : "function", id.str()));
    for (auto i = path_.rbegin(); i < path_.rend(); ++i)
      if (const Origin* o = origin_of(*i)) {
        error.at(o->line ? fmt::format("{}:{}", o->text.str(), o->line) : fmt::format("{} '{}'", name_of(o->kind), o->text.str()));
        break;
      }
    if (context_.stage != Stage::any) error.at(fmt::format("stage {}", name_of(context_.stage)));
    throw error;
  }

  Context context_;
  std::vector<std::vector<const Rule*>> rules_;
  std::vector<const Node*> path_;
  std::vector<const Node*> in_scope_, checked_order_;
  std::unordered_set<const Node*> visible_, introduced_, checked_;
};

} // namespace
} // namespace verifying

void verify(const Ref<Module>& module, Stage stage) { verifying::Verifier(module, stage).run(); }
void verify(const Ref<Module>& module) { verify(module, Stage::any); }

} // namespace tw

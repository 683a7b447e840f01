// SPDX-License-Identifier: Apache-2.0
// Children and their replacement, derived from the field lists; the basis of every visit and rewrite.
#include "ir/derived.h"

#include <functional>
#include <unordered_set>

namespace tw {
namespace {

using Visit = FunctionRef<void(const Node*)>;
using Replace = FunctionRef<Opt<Node>(const Node*)>;

template <class T> void each(const T&, Visit&) {} // a value without children
template <class T> void each(const Opt<T>& v, Visit& f) {
  if (v) f(v.node());
}
template <class T> void each(const Ref<T>& v, Visit& f) { f(v.node()); }
template <class T> void each(const List<T>& v, Visit& f) {
  for (const T& item : v) each(item, f);
}
void each(const Attr::Value& v, Visit& f) {
  std::visit([&](const auto& x) { each(x, f); }, v);
}

template <class T> const Node* checked(const Opt<Node>& n, const char* field) {
  if constexpr (!std::is_same_v<T, Node>)
    if (n && !as<T>(n)) throw internal_error("a rewrite put a {} into field '{}'", kind_name(n.node()), field);
  return n.node();
}
template <class T> bool map_value(T&, Replace&, const char*) { return false; }
template <class T> bool map_value(Opt<T>& v, Replace& f, const char* field) {
  if (!v) return false;
  Opt<Node> n = f(v.node());
  if (n.same_as(v.node())) return false;
  v = Opt<T>(checked<T>(n, field), 0);
  return true;
}
template <class T> bool map_value(Ref<T>& v, Replace& f, const char* field) {
  Opt<Node> n = f(v.node());
  if (n.same_as(v.node())) return false;
  if (!n) throw internal_error("a rewrite removed the required field '{}'", field);
  v = Ref<T>(checked<T>(n, field), 0);
  return true;
}
template <class T> bool map_value(List<T>& v, Replace& f, const char* field) {
  std::vector<T> items;
  bool changed = false;
  for (size_t i = 0; i < v.size(); ++i) {
    T item = v[i];
    bool here = map_value(item, f, field);
    if (here && !changed) {
      items.assign(v.begin(), v.begin() + i);
      changed = true;
    }
    if (changed) items.push_back(std::move(item));
  }
  if (changed) v = List<T>(std::move(items));
  return changed;
}
bool map_value(Attr::Value& v, Replace& f, const char* field) {
  return std::visit([&](auto& x) { return map_value(x, f, field); }, v);
}

struct Substituter {
  const Substitution& map;
  Substitution memo;
  Opt<Node> operator()(const Node* n) {
    if (auto found = map.find(n); found != map.end()) return found->second;
    bool shared = n->state.load(std::memory_order_relaxed) != 3;
    if (shared)
      if (auto found = memo.find(n); found != memo.end()) return found->second;
    Opt<Node> result = map_children(n, *this);
    if (shared) memo.emplace(n, result);
    return result;
  }
};

struct Renewer {
  std::unordered_set<const Node*> introduced;
  Substitution memo;

  void collect(const Node* n, std::unordered_set<const Node*>& seen) {
    if (!seen.insert(n).second) return;
    for_flagged_children(n, [&](const Node* c, bool defines) {
      if (defines && dispatch(c, []<class T>(const T&) { return Identity<T>; })) introduced.insert(c);
      collect(c, seen);
    });
  }
  // An introduced identity is copied when first met, with what it mentions: a buffer's shape, a value's type.
  Opt<Node> operator()(const Node* n) {
    if (auto found = memo.find(n); found != memo.end()) return found->second;
    Opt<Node> result = map_children(n, *this);
    bool fresh = introduced.count(n);
    if (fresh && result.same_as(n)) result = dispatch(n, []<class T>(const T& x) -> Opt<Node> { return make(T(x)); });
    if (fresh || n->state.load(std::memory_order_relaxed) != 3) memo.emplace(n, result);
    return result;
  }
};

} // namespace

void for_children(const Node* n, Visit f) {
  dispatch(n, [&]<class T>(const T& x) { for_fields<T>([&](const auto& d) { each(x.*d.member, f); }); });
}

void for_flagged_children(const Node* n, FunctionRef<void(const Node*, bool)> f) {
  dispatch(n, [&]<class T>(const T& x) {
    for_fields<T>([&](const auto& d) {
      auto flagged = [&](const Node* child) { f(child, d.flags & defines); };
      Visit visit(flagged);
      each(x.*d.member, visit);
    });
  });
}

Opt<Node> map_children(const Node* n, Replace f) {
  return dispatch(n, [&]<class T>(const T& x) -> Opt<Node> {
    std::optional<T> copy;
    for_fields<T>([&](const auto& d) {
      auto value = x.*d.member;
      if (!map_value(value, f, d.name)) return;
      if (!copy) copy.emplace(x);
      (*copy).*d.member = std::move(value);
    });
    return copy ? Opt<Node>(make(std::move(*copy))) : Opt<Node>(n, 0);
  });
}

Opt<Node> substitute(const Node* n, const Substitution& map) { return map.empty() ? Opt<Node>(n, 0) : Substituter{map, {}}(n); }

Opt<Node> renew(const Node* n) {
  Renewer renewer;
  std::unordered_set<const Node*> seen;
  renewer.collect(n, seen);
  return renewer(n);
}

bool uses(const Node* n, const Node* identity) {
  std::unordered_set<const Node*> seen;
  bool found = false;
  std::function<void(const Node*)> walk = [&](const Node* c) {
    found = found || c == identity;
    if (found || (c->state.load(std::memory_order_relaxed) != 3 && !seen.insert(c).second)) return;
    for_children(c, walk);
  };
  walk(n);
  return found;
}

} // namespace tw

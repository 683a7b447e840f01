// SPDX-License-Identifier: Apache-2.0
// Children and their replacement, derived from the field lists; the basis of every visit and rewrite.
#include "ir/derived.h"
#include "ir/node_set.h"

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

// What a field of the type may hold.
template <class T> struct Held {
  static consteval KindSet kinds() { return 0; }
};
template <class T> struct Held<Opt<T>> {
  static consteval KindSet kinds() { return kinds_of<T>(NodeList{}); }
};
template <class T> struct Held<Ref<T>> : Held<Opt<T>> {};
template <class T> struct Held<List<T>> : Held<T> {};
template <class... T> struct Held<std::variant<T...>> {
  static consteval KindSet kinds() { return (KindSet{0} | ... | Held<T>::kinds()); }
};
template <class... M> consteval KindSet held_in(std::type_identity<std::tuple<M...>>) { return (KindSet{0} | ... | Held<M>::kinds()); }
template <class... N> consteval auto find_kinds_below(TypeList<N...>) {
  std::array<KindSet, sizeof...(N)> below{(KindSet{1} << kind_of<N>() | held_in(std::type_identity<ValuesOf<N>>{}))...};
  for (size_t through = 0; through < below.size(); ++through)
    for (KindSet& kinds : below)
      if (kinds >> through & 1) kinds |= below[through];
  return below;
}

struct Substituter {
  const Substitution& map;
  NodeMap<Opt<Node>> memo;
  Opt<Node> operator()(const Node* n) {
    if (auto found = map.find(n); found != map.end()) return found->second;
    bool shared = n->state.load(std::memory_order_relaxed) != 3;
    if (shared)
      if (const auto* found = memo.find(n)) return *found;
    Opt<Node> result = map_children(n, *this);
    if (shared) memo.emplace(n, result);
    return result;
  }
};

struct Renewer {
  NodeSet introduced;
  NodeMap<Opt<Node>> memo;

  void collect(const Node* n, NodeSet& seen) {
    if (!seen.insert(n)) return;
    for_flagged_children(n, [&](const Node* c, bool defines) {
      if (defines && dispatch(c, []<class T>(const T&) { return Identity<T>; })) introduced.insert(c);
      collect(c, seen);
    });
  }
  // An introduced identity is copied when first met, with what it mentions: a buffer's shape, a value's type.
  Opt<Node> operator()(const Node* n) {
    if (const auto* found = memo.find(n)) return *found;
    Opt<Node> result = map_children(n, *this);
    bool fresh = introduced.contains(n);
    if (fresh && result.same_as(n)) result = dispatch(n, []<class T>(const T& x) -> Opt<Node> { return make(T(x)); });
    if (fresh || n->state.load(std::memory_order_relaxed) != 3) memo.emplace(n, result);
    return result;
  }
};

// Looks for an identity among what may hold it.
struct Finder {
  const Node* identity;
  NodeSet seen;
  bool found = false;
  void operator()(const Node* n) {
    found = found || n == identity;
    if (found || !(kinds_below[n->kind_id] >> identity->kind_id & 1)) return;
    if (n->state.load(std::memory_order_relaxed) != 3 && !seen.insert(n)) return;
    for_children(n, *this);
  }
};

} // namespace

constinit const std::array<KindSet, NodeList::size> kinds_below = find_kinds_below(NodeList{});

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
  NodeSet seen;
  renewer.collect(n, seen);
  return renewer(n);
}

bool uses(const Node* n, const Node* identity) {
  if (!identity) return false;
  Finder find{identity, {}};
  find(n);
  return find.found;
}

} // namespace tw

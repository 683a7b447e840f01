// SPDX-License-Identifier: Apache-2.0
// What is derived from the field lists, as ordinary functions: the templates behind them are instantiated once, in the files named here.
#pragma once

#include "ir/node_list.h"

#include <unordered_map>

namespace tw {

// ---- compare.cpp
// Structural equality: identities introduced inside may be renamed, free ones must be the same.
bool equal(const Node* a, const Node* b);
template <class T, class U> bool equal(const Opt<T>& a, const Opt<U>& b) { return equal(a.node(), b.node()); }
// Agrees with equal(): the same for equal nodes, equal from run to run if there are no free identities (those count by their name).
uint32_t structural_hash(const Node* n);
// 128 bits over the whole structure, for caches: equal from run to run and on every machine.
Hash128 content_hash(const Node* n);

// ---- walk.cpp
template <class Signature> class FunctionRef;
template <class R, class... A> class FunctionRef<R(A...)> {
public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o, A... a) -> R { return (*static_cast<std::remove_reference_t<F>*>(o))(std::forward<A>(a)...); }) {}
  R operator()(A... a) const { return call_(object_, std::forward<A>(a)...); }

private:
  void* object_;
  R (*call_)(void*, A...);
};

// Kinds of nodes, a bit for each.
using KindSet = uint64_t;
static_assert(NodeList::size <= 64, "a KindSet has a bit for each kind");
template <class T, class... N> consteval KindSet kinds_of(TypeList<N...>) {
  return (KindSet{0} | ... | (std::is_base_of_v<T, N> ? KindSet{1} << kind_of<N>() : 0));
}
// By kind: what may stand below such a node, or be it, as the types of the fields tell.
extern const std::array<KindSet, NodeList::size> kinds_below;

// Calls f for each child, in the order of the fields. Fields that introduce an identity are children like others.
void for_children(const Node* n, FunctionRef<void(const Node*)> f);
// The same, telling whether the field introduces identities.
void for_flagged_children(const Node* n, FunctionRef<void(const Node*, bool defines)> f);
// The node with each child replaced by what f gives (the child itself: no change); copied at the first change, else the same node.
// A replacement must fit the field's base; if not, that is an internal error naming the field.
Opt<Node> map_children(const Node* n, FunctionRef<Opt<Node>(const Node*)> f);

using Substitution = std::unordered_map<const Node*, Opt<Node>>;
// Replaces identities (Var, Buffer, Value) by what the map gives them.
Opt<Node> substitute(const Node* n, const Substitution& map);
template <class T> Ref<T> substitute(const Ref<T>& n, const Substitution& map) { return as_ref<T>(substitute(n.node(), map)); }
// A copy with fresh identities for all that is introduced inside: for statements that are used twice.
Opt<Node> renew(const Node* n);
template <class T> Ref<T> renew(const Ref<T>& n) { return as_ref<T>(renew(n.node())); }
// Does the identity occur below n?
bool uses(const Node* n, const Node* identity);

// ---- print.cpp, parse.cpp (text.h)
std::string to_text(const Node* n);
template <class T> std::string to_text(const Opt<T>& n) { return to_text(n.node()); }

// ---- verify.cpp: the rules that hold at every stage; verify.h has those of each stage.
void verify(const Ref<Module>& module);

} // namespace tw

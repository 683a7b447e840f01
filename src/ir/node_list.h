// SPDX-License-Identifier: Apache-2.0
// Every node once. The position in NodeList is the kind; dispatch is a table over it.
#pragma once

#include "ir/nodes/graph.h"
#include "ir/nodes/kernel.h"

namespace tw {

template <class... T> struct TypeList { static constexpr size_t size = sizeof...(T); };
using NodeList =
    TypeList<Var, Origin, Lambda, Attr, Module, // both levels
             TensorType, TupleType, SequenceType, OptionalType, Storage, Value, Constant, Binding, Body, OpCall, Invoke, Branch, Loop,
             Function,                                                                                    // graph
             IntImm, FloatImm, Unary, Binary, Cast, Select, Ramp, Broadcast, Shuffle, Buffer, Load, Call, // kernel: expressions
             For, Iter, Region, Block, Store, Let, If, While, Seq, Allocate, Assert, Evaluate, TileAxis, RegisterTile, Param, Kernel>;
using EnumList = TypeList<OriginKind, UnaryOp, BinaryOp, ForKind, IterKind, Fault, Combine, Access, StorageKind>;

template <class T, class... N> consteval size_t index_in(TypeList<N...>) {
  size_t i = 0, found = sizeof...(N);
  ((std::is_same_v<T, N> ? void(found = i++) : void(i++)), ...);
  return found;
}
template <NodeType T> consteval uint16_t kind_of() {
  constexpr size_t kind = index_in<T>(NodeList{});
  static_assert(kind < NodeList::size, "add the node to NodeList");
  return static_cast<uint16_t>(kind);
}
template <class T, class... N> consteval auto member_table(TypeList<N...>) {
  return std::array<bool, sizeof...(N)>{std::is_base_of_v<T, N>...};
}
// By kind: is it T, or does it derive from T?
template <class T> inline constexpr auto belongs = member_table<T>(NodeList{});

template <class T> const T* as(const Node* n) { return n && belongs<T>[n->kind_id] ? static_cast<const T*>(n) : nullptr; }
template <class T, class U> const T* as(const Opt<U>& n) { return as<T>(n.node()); }
template <class T> Opt<T> as_opt(const Node* n) { return Opt<T>(as<T>(n) ? n : nullptr, 0); }
template <class T, class U> Opt<T> as_opt(const Opt<U>& n) { return as_opt<T>(n.node()); }
// Contract: the node is a T.
template <class T> Ref<T> as_ref(const Node* n) {
  if (!as<T>(n)) throw internal_error("unexpected node kind {}", n ? static_cast<int>(n->kind_id) : -1);
  return Ref<T>(n, 0);
}
template <class T, class U> Ref<T> as_ref(const Opt<U>& n) { return as_ref<T>(n.node()); }
template <class T> Ref<T> ref_to(const T& n) { return Ref<T>(&n, 0); }

template <class F, class... N> decltype(auto) dispatch_in(TypeList<N...>, const Node* n, F& f) {
  using R = decltype(f(*static_cast<const Var*>(n)));
  static constexpr R (*table[])(const Node*, F&) = {[](const Node* x, F& g) -> R { return g(*static_cast<const N*>(x)); }...};
  return table[n->kind_id](n, f);
}
// Calls f with the node as its own type.
template <class F> decltype(auto) dispatch(const Node* n, F&& f) { return dispatch_in(NodeList{}, n, f); }

// New nodes made while this lives take the origin, unless they have one.
class OriginScope {
public:
  explicit OriginScope(const Opt<Origin>& origin);
  ~OriginScope();
  static const Opt<Origin>& current();

private:
  Opt<Origin> saved_;
};

template <NodeType T> Ref<T> make(T&& v) {
  T* n = new T(std::move(v));
  n->kind_id = kind_of<T>();
  if (!n->origin) n->origin = OriginScope::current();
  Ref<T> r(n, 0); // the first owner: finish() may throw
  if constexpr (requires { n->finish(); }) n->finish();
  return r;
}
template <class T, class F> struct FieldTypes;
template <class T, class... F> struct FieldTypes<T, std::tuple<F...>> { using type = std::tuple<typename F::Member...>; };
template <NodeType T> using ValuesOf = typename FieldTypes<T, std::remove_const_t<decltype(T::fields)>>::type;

// A copy of the node with one field changed; the same node if the field already has that very value.
template <NodeType T, class C, class M, class V> Ref<T> with(const Ref<T>& n, M C::*member, V&& value) {
  T copy(*n);
  copy.*member = std::forward<V>(value);
  return make(std::move(copy));
}
template <NodeType T> Ref<T> with_origin(const Ref<T>& n, const Opt<Origin>& origin) {
  T copy(*n);
  copy.origin = origin;
  return make(std::move(copy));
}

const char* kind_name(const Node* n);

} // namespace tw

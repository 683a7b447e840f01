// SPDX-License-Identifier: Apache-2.0
// Visitors and rewriters by lambdas:
//
//   visit(kernel, [&](const Load&) { ++loads; },
//                 [&](const For& f, Walk walk) { ++depth; walk(f.body); --depth; });   // two parameters: the lambda steers the walk
//   auto k2 = rewrite(kernel, [](const Binary& e) -> Opt<Expr> { … });                // children first; an empty result keeps the node
//   auto k3 = rewrite(kernel, [&](const For& f, Rewrite again) -> Opt<Stmt> { … });     // the lambda steers: `again` rewrites a part
//
// Lambdas are tried in written order, the first whose type fits is taken; one that an earlier lambda shadows does not compile.
// Shared nodes are visited once (visit) or rewritten once (rewrite). Walks report an identity at each use but do not enter it there.
// Nodes below which no lambda can find anything, as the types of the fields tell, are passed over: who looks for loops does not walk
// through indices.
#pragma once

#include "ir/derived.h"
#include "ir/node_set.h"

namespace tw {
namespace detail {

template <class F> struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class C, class A, class... B> struct Signature<R (C::*)(A, B...) const> {
  using Node = std::remove_cvref_t<A>;
  static constexpr bool steers = sizeof...(B) == 1;
};
template <class R, class C, class A, class... B> struct Signature<R (C::*)(A, B...)> : Signature<R (C::*)(A, B...) const> {};

template <class... F> consteval bool none_shadowed() {
  if constexpr (sizeof...(F) < 2) {
    return true;
  } else {
    return []<class First, class... Rest>(TypeList<First, Rest...>) {
      using A = typename Signature<First>::Node;
      return (!std::is_base_of_v<A, typename Signature<Rest>::Node> && ...) && none_shadowed<Rest...>();
    }(TypeList<F...>{});
  }
}

// The kinds that the lambdas take.
template <class... F> consteval KindSet wanted_kinds() { return (KindSet{0} | ... | kinds_of<typename Signature<F>::Node>(NodeList{})); }

inline bool is_shared(const Node* n) { return n->state.load(std::memory_order_relaxed) != 3; }
inline bool is_identity(const Node* n) {
  return dispatch(n, []<class T>(const T&) { return Identity<T>; });
}

} // namespace detail

class Walk {
public:
  explicit Walk(FunctionRef<void(const Node*)> f) : f_(f) {}
  void operator()(const Node* n) const {
    if (n) f_(n);
  }
  template <class T> void operator()(const Opt<T>& n) const { (*this)(n.node()); }
  template <class T> void operator()(const List<T>& items) const {
    for (const auto& item : items) (*this)(item);
  }

private:
  FunctionRef<void(const Node*)> f_;
};

class Rewrite {
public:
  explicit Rewrite(FunctionRef<Opt<Node>(const Node*)> f) : f_(f) {}
  template <class T> Ref<T> operator()(const Ref<T>& n) const { return as_ref<T>(f_(n.node())); }
  template <class T> Opt<T> operator()(const Opt<T>& n) const { return n ? Opt<T>(as_ref<T>(f_(n.node()))) : n; }
  template <class T> List<T> operator()(const List<T>& items) const {
    std::vector<T> out;
    for (const T& item : items) out.push_back((*this)(item));
    return List<T>(std::move(out));
  }

private:
  FunctionRef<Opt<Node>(const Node*)> f_;
};

namespace detail {

template <class... F> class Visitor {
public:
  explicit Visitor(F&... f) : lambdas_(f...) {}

  void walk(const Node* n) {
    if (!(kinds_below[n->kind_id] & wanted)) return;
    if (is_shared(n) && !seen_.insert(n)) return;
    std::apply([&](auto&... f) { (attempt(n, f) || ...) || (children(n), true); }, lambdas_);
  }

private:
  static constexpr KindSet wanted = wanted_kinds<std::remove_cvref_t<F>...>();

  void children(const Node* n) {
    for_children(n, [this](const Node* c) { walk(c); });
  }
  template <class G> bool attempt(const Node* n, G& g) {
    using S = Signature<std::remove_cvref_t<G>>;
    const auto* x = as<typename S::Node>(n);
    if (!x) return false;
    if constexpr (S::steers) {
      g(*x, Walk([&](const Node* c) { c == n ? children(n) : walk(c); }));
    } else {
      g(*x);
      children(n);
    }
    return true;
  }

  std::tuple<F&...> lambdas_;
  NodeSet seen_;
};

} // namespace detail

template <class... F> void visit(const Node* root, F&&... f) {
  static_assert(detail::none_shadowed<std::remove_cvref_t<F>...>(), "an earlier lambda takes every node that a later one asks for");
  detail::Visitor<std::remove_reference_t<F>...>(f...).walk(root);
}
template <class T, class... F> void visit(const Opt<T>& root, F&&... f) {
  if (root) visit(root.node(), std::forward<F>(f)...);
}

namespace detail {

template <class... F> class Rewriter {
public:
  explicit Rewriter(F&... f) : lambdas_(f...) {}

  Opt<Node> again(const Node* n) {
    if (!(kinds_below[n->kind_id] & wanted)) return Opt<Node>(n, 0);
    bool shared = is_shared(n);
    if (shared)
      if (const Opt<Node>* found = memo_.find(n)) return *found;
    OriginScope origin(n->origin);
    Opt<Node> result;
    if (!std::apply([&](auto&... f) { return (steering(n, f, result) || ...); }, lambdas_)) {
      result = inside(n);
      std::apply([&](auto&... f) { static_cast<void>((plainly(f, result) || ...)); }, lambdas_);
    }
    if (shared) memo_.emplace(n, result);
    return result;
  }

private:
  static constexpr KindSet wanted = wanted_kinds<std::remove_cvref_t<F>...>();

  Opt<Node> inside(const Node* n) {
    return map_children(n, [this](const Node* c) { return again(c); });
  }
  // Was the node the lambda's?
  template <class G> bool steering(const Node* n, G& g, Opt<Node>& result) {
    using S = Signature<std::remove_cvref_t<G>>;
    if constexpr (S::steers) {
      const auto* x = as<typename S::Node>(n);
      if (!x) return false;
      // Asked for the node itself, `again` gives it with its children rewritten.
      Opt<Node> out = g(*x, Rewrite([&](const Node* c) { return c == n ? inside(n) : again(c); }));
      result = out ? out : Opt<Node>(n, 0);
      return true;
    }
    return false;
  }
  template <class G> static bool plainly(G& g, Opt<Node>& result) {
    using S = Signature<std::remove_cvref_t<G>>;
    if constexpr (!S::steers) {
      const auto* x = as<typename S::Node>(result);
      if (!x) return false;
      Opt<Node> held = result;
      if (Opt<Node> out = g(*x)) result = out;
      return true;
    }
    return false;
  }

  std::tuple<F&...> lambdas_;
  NodeMap<Opt<Node>> memo_;
};

} // namespace detail

template <class... F> Opt<Node> rewrite_node(const Node* root, F&&... f) {
  static_assert(detail::none_shadowed<std::remove_cvref_t<F>...>(), "an earlier lambda takes every node that a later one asks for");
  return detail::Rewriter<std::remove_reference_t<F>...>(f...).again(root);
}
template <class T, class... F> Ref<T> rewrite(const Ref<T>& root, F&&... f) {
  return as_ref<T>(rewrite_node(root.node(), std::forward<F>(f)...));
}

} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// What a node is: a plain struct over one of the bases below, with its fields listed once. Everything else (equality, hash, walks,
// text, Python) derives from that list, in the files named in derived.h.
//
// To add a node: declare the struct in nodes/, put it into NodeList (node_list.h); the compiler names the code generators that must learn
// it.
#pragma once

#include "base/diagnostics.h"
#include "base/dtype.h"
#include "ir/handle.h"

#include <array>
#include <optional>
#include <tuple>

namespace tw {

struct Origin;

struct Node {
  mutable std::atomic<uintptr_t> state{1};
  uint16_t kind_id = 0xffff;
  mutable uint32_t hash_cache = 0;
  Opt<Origin> origin;

  Node() = default;
  Node(const Node& other) : kind_id(other.kind_id), origin(other.origin) {} // a copy starts with its own count and keeps the origin
  Node& operator=(const Node&) = delete;
};

// The bases. A field's static type is one of these or a node.
struct Expr : Node {
  DType dtype; // computed by finish(), not a field
};
struct Stmt : Node {};
struct Type : Node {};
struct Operand : Node {};   // what a graph operation takes: a Value or a Constant
struct Operation : Node {}; // what a graph binding computes
struct Callable : Node {};  // what a Module holds

enum FieldFlag : unsigned {
  plain = 0,
  defines = 1,   // introduces identities (Var, Value, Buffer): they may be renamed by equality
  skip = 2,      // ignored by equality and hash
  defaulted = 4, // may be left out in text and Python
};

template <class C, class M> struct Field {
  using Class = C;
  using Member = M;
  const char* name;
  M C::*member;
  unsigned flags;
};
template <class C, class M> consteval auto field(const char* name, M C::*member, unsigned flags = plain) {
  return Field<C, M>{name, member, flags};
}

template <class T>
concept Described = requires {
  T::fields;
};
template <class T>
concept NodeType = std::is_base_of_v<Node, T> && Described<T> && requires {
  T::kind_name;
};
// Var, Value, Buffer: compared by identity except where a field with `defines` introduces them.
template <class T>
concept Identity = NodeType<T> && requires {
  T::identity;
};

template <class T, class F> void for_fields(F&& f) {
  std::apply([&](const auto&... x) { (f(x), ...); }, T::fields);
}

// An enum with its names, declared beside the enum: `consteval auto enum_names(BinaryOp) { return std::array{"add", …}; }`.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires {
  enum_names(E{});
};
template <NamedEnum E> const char* name_of(E value) {
  constexpr auto names = enum_names(E{});
  return names[static_cast<size_t>(value)];
}
template <NamedEnum E> std::optional<E> parse_enum(std::string_view text) {
  constexpr auto names = enum_names(E{});
  for (size_t i = 0; i < names.size(); ++i)
    if (text == names[i]) return static_cast<E>(i);
  return {};
}

} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// A node kind as plain function pointers, derived from its field list: all that its Python class needs. The templates end here; the class
// itself is made by ordinary code (node_class.cpp). NodeList is described in slices, one translation unit each, to keep compile times low.
#pragma once

#include "bindings/core/convert.h"
#include "ir/blank.h"

namespace tw::bindings {

struct FieldAccess {
  const char* name;
  unsigned flags;
  nb::object (*get)(const Node* node);
  // False: the object is of another type.
  bool (*set)(void* node, nb::handle object);
  std::string (*type)();
};

// A node under construction: values by field name are set, then it is made or thrown away.
using Assign = FunctionRef<void(void* node, Opt<Origin>& origin)>;

struct KindAccess {
  const char* name;
  const std::type_info* type;
  std::vector<FieldAccess> fields;
  // A blank node (or a copy of `from`), assigned to, then made.
  Opt<Node> (*make)(const Node* from, Assign assign);
  nb::object (*declare)(nb::module_& module); // the Python class, without members
};

template <class T> struct BaseOf {
  using type = std::conditional_t<
      std::is_base_of_v<Expr, T>, Expr,
      std::conditional_t<
          std::is_base_of_v<Stmt, T>, Stmt,
          std::conditional_t<std::is_base_of_v<Type, T>, Type,
                             std::conditional_t<std::is_base_of_v<Operand, T>, Operand,
                                                std::conditional_t<std::is_base_of_v<Operation, T>, Operation,
                                                                   std::conditional_t<std::is_base_of_v<Callable, T>, Callable, Node>>>>>>;
};

template <class T, size_t I> FieldAccess describe_field() {
  using F = std::remove_cvref_t<decltype(std::get<I>(T::fields))>;
  using M = typename F::Member;
  static constexpr auto member = std::get<I>(T::fields).member;
  return {.name = std::get<I>(T::fields).name,
          .flags = std::get<I>(T::fields).flags,
          .get = [](const Node* node) { return Convert<M>::to(static_cast<const T*>(node)->*member); },
          .set =
              [](void* node, nb::handle object) {
                auto value = Convert<M>::from(object);
                if (value) static_cast<T*>(node)->*member = std::move(*value);
                return value.has_value();
              },
          .type = &Convert<M>::type};
}

template <class T, size_t... I> std::vector<FieldAccess> describe_fields(std::index_sequence<I...>) { return {describe_field<T, I>()...}; }

template <class T> Opt<Node> make_assigned(const Node* from, Assign assign) {
  T node = from ? T(*static_cast<const T*>(from)) : blank<T>();
  assign(&node, node.origin);
  return make(std::move(node));
}

template <class T> KindAccess describe_kind() {
  constexpr size_t count = std::tuple_size_v<std::remove_cvref_t<decltype(T::fields)>>;
  return {.name = T::kind_name,
          .type = &typeid(T),
          .fields = describe_fields<T>(std::make_index_sequence<count>()),
          .make = make_assigned<T>,
          .declare = [](nb::module_& module) -> nb::object {
            return nb::class_<T, typename BaseOf<T>::type>(module, T::kind_name, nb::is_final());
          }};
}

inline constexpr size_t slice_count = 4;
template <size_t Slice, class... N> void describe_slice_of(TypeList<N...>, std::vector<KindAccess>& out) {
  auto add = [&]<class T>(std::type_identity<T>) {
    if constexpr (kind_of<T>() % slice_count == Slice) out[kind_of<T>()] = describe_kind<T>();
  };
  (add(std::type_identity<N>{}), ...);
}
// Fills in the kinds of one slice; `out` has a place for every kind.
template <size_t Slice> void describe_slice(std::vector<KindAccess>& out);

// By kind.
const std::vector<KindAccess>& all_kinds();

void bind_nodes(nb::module_& module);
void bind_data(nb::module_& module);

} // namespace tw::bindings

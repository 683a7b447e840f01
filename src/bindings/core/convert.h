// SPDX-License-Identifier: Apache-2.0
// Between the types of node fields and Python, one Convert each: to() makes the Python object, from() reads one (empty: it is of another
// type), type() is the annotation in messages and stubs.
#pragma once

#include "ir/build.h"
#include "ir/derived.h"

#include <nanobind/nanobind.h>

#include <optional>
#include <string>

// The Python class of a node follows from its kind.
template <> struct nanobind::detail::type_hook<tw::Node> { static const std::type_info* get(const tw::Node* node); };

namespace tw::bindings {

namespace nb = nanobind;

// The Python object of a node: the same one each time, while it lives. None for null.
nb::object node_to_python(const Node* node);
// The node behind an object; null if it is none.
const Node* node_from_python(nb::handle object);

// "BinaryOp" of tw::BinaryOp.
template <class T> std::string cpp_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  const size_t begin = text.find("T = tw::") + 8;
  return std::string(text.substr(begin, text.find_first_of(";]", begin) - begin));
}

// A type error if it is none.
Ref<Module> module_from_python(nb::handle object);

std::optional<int64_t> integer_from_python(nb::handle object);
std::optional<double> number_from_python(nb::handle object);
std::optional<std::string> text_from_python(nb::handle object);
std::optional<DType> dtype_from_python(nb::handle object);
std::optional<Attr::Value> attribute_from_python(nb::handle object);
nb::object attribute_to_python(const Attr::Value& value);

template <class M> struct Convert;

template <> struct Convert<bool> {
  static nb::object to(bool v) { return nb::bool_(v); }
  static std::optional<bool> from(nb::handle h) { return PyBool_Check(h.ptr()) ? std::optional(h.is(Py_True)) : std::nullopt; }
  static std::string type() { return "bool"; }
};
template <> struct Convert<int64_t> {
  static nb::object to(int64_t v) { return nb::int_(v); }
  static std::optional<int64_t> from(nb::handle h) { return integer_from_python(h); }
  static std::string type() { return "int"; }
};
template <> struct Convert<double> {
  static nb::object to(double v) { return nb::float_(v); }
  static std::optional<double> from(nb::handle h) { return number_from_python(h); }
  static std::string type() { return "float"; }
};
template <> struct Convert<Name> {
  static nb::object to(const Name& v) { return nb::str(v.str().data(), v.str().size()); }
  static std::optional<Name> from(nb::handle h) {
    auto text = text_from_python(h);
    return text ? std::optional<Name>(*text) : std::nullopt;
  }
  static std::string type() { return "str"; }
};
template <> struct Convert<DType> {
  static nb::object to(DType v) { return nb::cast(v); }
  static std::optional<DType> from(nb::handle h) { return dtype_from_python(h); }
  static std::string type() { return "DType | str"; }
};
template <> struct Convert<Blob> {
  static nb::object to(const Blob& v) { return nb::cast(v); }
  static std::optional<Blob> from(nb::handle h);
  static std::string type() { return "Blob | bytes"; }
};
template <> struct Convert<Attr::Value> {
  static nb::object to(const Attr::Value& v) { return attribute_to_python(v); }
  static std::optional<Attr::Value> from(nb::handle h) { return attribute_from_python(h); }
  static std::string type() { return "object"; }
};
template <NamedEnum E> struct Convert<E> {
  static nb::object to(E v) { return nb::cast(v); }
  static std::optional<E> from(nb::handle h) {
    if (auto text = text_from_python(h)) return parse_enum<E>(*text);
    E value{};
    return nb::try_cast(h, value) ? std::optional(value) : std::nullopt;
  }
  static std::string type() { return cpp_name<E>() + " | str"; }
};
template <class T> struct Convert<Ref<T>> {
  static nb::object to(const Ref<T>& v) { return node_to_python(v.node()); }
  static std::optional<Ref<T>> from(nb::handle h) {
    if (const Node* node = node_from_python(h); as<T>(node)) return Ref<T>(node, 0);
    // A plain integer stands for its literal.
    if constexpr (std::is_same_v<T, Expr>)
      if (!PyBool_Check(h.ptr()))
        if (auto value = integer_from_python(h)) return imm(*value);
    return {};
  }
  static std::string type() { return std::is_same_v<T, Expr> ? "Expr | int" : cpp_name<T>(); }
};
template <class T> struct Convert<Opt<T>> {
  static nb::object to(const Opt<T>& v) { return node_to_python(v.node()); }
  static std::optional<Opt<T>> from(nb::handle h) {
    if (h.is_none()) return Opt<T>();
    auto node = Convert<Ref<T>>::from(h);
    return node ? std::optional<Opt<T>>(*node) : std::nullopt;
  }
  static std::string type() { return Convert<Ref<T>>::type() + " | None"; }
};
template <class T> struct Convert<List<T>> {
  static nb::object to(const List<T>& v) {
    nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(v.size())));
    for (size_t i = 0; i < v.size(); ++i) PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), Convert<T>::to(v[i]).release().ptr());
    return tuple;
  }
  static std::optional<List<T>> from(nb::handle h) {
    if (PyUnicode_Check(h.ptr()) || PyBytes_Check(h.ptr()) || !PySequence_Check(h.ptr())) return {};
    std::vector<T> items;
    for (nb::handle item : nb::borrow<nb::sequence>(h)) {
      auto value = Convert<T>::from(item);
      if (!value) return {};
      items.push_back(std::move(*value));
    }
    return List<T>(std::move(items));
  }
  static std::string type() { return "Sequence[" + Convert<T>::type() + "]"; }
};

} // namespace tw::bindings

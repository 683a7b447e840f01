// SPDX-License-Identifier: Apache-2.0
#include "bindings/core/convert.h"

namespace tw::bindings {

Ref<Module> module_from_python(nb::handle object) {
  const Node* node = node_from_python(object);
  if (!as<Module>(node)) throw nb::type_error(fmt::format("expected a Module, found {:.80}", nb::repr(object).c_str()).c_str());
  return as_ref<Module>(node);
}

std::optional<int64_t> integer_from_python(nb::handle object) {
  if (!PyIndex_Check(object.ptr())) return {};
  nb::object index = nb::steal(PyNumber_Index(object.ptr()));
  if (!index.is_valid()) throw nb::python_error();
  const long long value = PyLong_AsLongLong(index.ptr());
  if (value == -1 && PyErr_Occurred()) throw nb::python_error(); // OverflowError says it
  return value;
}

std::optional<double> number_from_python(nb::handle object) {
  if (PyFloat_Check(object.ptr())) return PyFloat_AS_DOUBLE(object.ptr());
  if (PyBool_Check(object.ptr()) || !PyIndex_Check(object.ptr())) return {};
  const double value = PyFloat_AsDouble(object.ptr());
  if (value == -1 && PyErr_Occurred()) throw nb::python_error();
  return value;
}

std::optional<std::string> text_from_python(nb::handle object) {
  if (!PyUnicode_Check(object.ptr())) return {};
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (data == nullptr) throw nb::python_error();
  return std::string(data, static_cast<size_t>(size));
}

std::optional<DType> dtype_from_python(nb::handle object) {
  if (auto text = text_from_python(object)) return parse_dtype(*text);
  DType value;
  return nb::try_cast(object, value) ? std::optional(value) : std::nullopt;
}

std::optional<Blob> Convert<Blob>::from(nb::handle h) {
  Blob* blob = nullptr;
  if (nb::try_cast(h, blob) && blob) return *blob;
  if (!PyBytes_Check(h.ptr())) return {};
  const auto* begin = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(h.ptr()));
  return Blob(std::vector<std::byte>(begin, begin + PyBytes_GET_SIZE(h.ptr())));
}

std::optional<Attr::Value> attribute_from_python(nb::handle object) {
  if (auto v = Convert<bool>::from(object)) return *v;
  if (PyFloat_Check(object.ptr())) return PyFloat_AS_DOUBLE(object.ptr());
  if (auto v = integer_from_python(object)) return *v;
  if (auto v = Convert<Name>::from(object)) return *v;
  if (DType v; nb::try_cast(object, v)) return v;
  if (const Node* node = node_from_python(object)) {
    if (as<Expr>(node)) return Attr::Value(as_opt<Expr>(node));
    if (as<Type>(node)) return Attr::Value(as_opt<Type>(node));
    return {};
  }
  if (object.is_none()) return Attr::Value(Opt<Expr>());
  // The first of these that takes every item; integers count as floats only beside a float.
  if (auto v = Convert<List<int64_t>>::from(object)) return *v;
  if (auto v = Convert<List<double>>::from(object)) return *v;
  if (auto v = Convert<List<Name>>::from(object)) return *v;
  if (auto v = Convert<List<Ref<Expr>>>::from(object)) return *v;
  return {};
}

nb::object attribute_to_python(const Attr::Value& value) {
  return std::visit([]<class M>(const M& v) { return Convert<M>::to(v); }, value);
}

} // namespace tw::bindings

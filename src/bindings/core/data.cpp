// SPDX-License-Identifier: Apache-2.0
// What nodes are made of besides nodes: data types, enums (each from its names), the bytes of constants.
#include "bindings/core/node_access.h"
#include "bindings/errors.h"

#include <nanobind/stl/string.h>

namespace tw::bindings {
namespace {

DType parsed_dtype(const std::string& text) {
  auto type = parse_dtype(text);
  if (!type) throw user_error("expected a data type such as f32, i64, bool or f32x8, found '{}'", text);
  return *type;
}

void bind_dtype(nb::module_& module) {
  nb::class_<DType>(module, "DType", "A data type: \"f32\", \"bf16\", \"bool\", \"i8x16\" …")
      .def(
          "__init__", [](DType* self, const std::string& text) { new (self) DType(parsed_dtype(text)); }, nb::arg("text"))
      .def("__repr__", [](DType t) { return to_string(t); })
      .def("__str__", [](DType t) { return to_string(t); })
      .def("__hash__", [](DType t) { return t.hash(); })
      .def(
          "__eq__",
          [](DType a, nb::handle b) -> nb::object {
            auto other = dtype_from_python(b);
            if (!other && !PyUnicode_Check(b.ptr())) return nb::borrow(Py_NotImplemented);
            return nb::bool_(other && *other == a);
          },
          nb::arg("other").none(), nb::sig("def __eq__(self, other: object) -> bool"))
      .def("__reduce__", [](DType t) { return nb::make_tuple(nb::type<DType>(), nb::make_tuple(to_string(t))); })
      .def_ro("bits", &DType::bits)
      .def_ro("lanes", &DType::lanes)
      .def_prop_ro("bytes", &DType::bytes, "Bytes of one lane.")
      .def_prop_ro("is_float", &DType::is_float)
      .def_prop_ro("is_int", &DType::is_int)
      .def_prop_ro("is_bool", &DType::is_bool);
}

int blob_buffer(PyObject* self, Py_buffer* view, int flags) {
  const auto bytes = nb::inst_ptr<Blob>(self)->bytes();
  return PyBuffer_FillInfo(view, self, const_cast<std::byte*>(bytes.data()), static_cast<Py_ssize_t>(bytes.size()), 1, flags);
}
PyType_Slot blob_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(blob_buffer)}, {0, nullptr}};

void make_blob(Blob* self, nb::handle object) {
  Py_buffer view;
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_SIMPLE) != 0) throw nb::python_error();
  const auto* begin = static_cast<const std::byte*>(view.buf);
  std::vector<std::byte> bytes(begin, begin + view.len);
  PyBuffer_Release(&view);
  new (self) Blob(std::move(bytes));
}

void bind_blob(nb::module_& module) {
  nb::class_<Blob>(module, "Blob", nb::type_slots(blob_slots), "The bytes of a constant: immutable, a read-only buffer, equal by content.")
      .def("__init__", make_blob, nb::arg("bytes"), nb::sig("def __init__(self, bytes: bytes | bytearray | memoryview) -> None"))
      .def("__len__", &Blob::size)
      .def("__hash__", [](const Blob& b) { return b.hash().low; })
      .def(
          "__eq__",
          [](const Blob& a, nb::handle b) -> nb::object {
            Blob* other = nullptr;
            if (!nb::try_cast(b, other) || !other) return nb::borrow(Py_NotImplemented);
            return nb::bool_(a == *other);
          },
          nb::arg("other").none(), nb::sig("def __eq__(self, other: object) -> bool"))
      .def_prop_ro(
          "hash", [](const Blob& b) { return b.hash().hex(); }, "128 bits in hexadecimal: how text names large constants.")
      .def("__repr__", [](const Blob& b) { return fmt::format("<Blob of {} bytes>", b.size()); });
}

template <NamedEnum E> void bind_enum(nb::module_& module) {
  nb::enum_<E> type(module, cpp_name<E>().c_str());
  constexpr auto names = enum_names(E{});
  for (size_t i = 0; i < names.size(); ++i) {
    // Words of Python get an underscore: Access.in_; everywhere a plain "in" is taken too.
    const bool keyword = nb::cast<bool>(nb::module_::import_("keyword").attr("iskeyword")(names[i]));
    type.value((names[i] + std::string(keyword ? "_" : "")).c_str(), static_cast<E>(i));
  }
}

template <class... E> void bind_enums(TypeList<E...>, nb::module_& module) { (bind_enum<E>(module), ...); }

} // namespace

void bind_data(nb::module_& module) {
  bind_dtype(module);
  bind_blob(module);
  bind_enums(EnumList{}, module);
}

} // namespace tw::bindings

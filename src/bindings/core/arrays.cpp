// SPDX-License-Identifier: Apache-2.0
#include "bindings/core/arrays.h"
#include "interpreter/interpret.h"

#include <nanobind/stl/string.h>

namespace tw::bindings {
namespace {

std::string numpy_name(DType type) {
  if (type.is_bool()) return "bool";
  if (type == bf16) return "bfloat16";
  return fmt::format("{}{}", type.is_float() ? "float" : type.is_signed() ? "int" : "uint", type.bits);
}

constexpr DType numpy_types[] = {boolean, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, bf16};

nb::list interpret(const Ref<Module>& module, nb::sequence inputs, const std::string& function) {
  std::vector<interpreter::Array> arrays;
  for (nb::handle input : inputs) arrays.push_back(array_from_python(input, fmt::format("input {}", arrays.size())));
  std::vector<interpreter::Array> results;
  {
    nb::gil_scoped_release released;
    results = interpreter::interpret(module, function, std::move(arrays));
  }
  nb::list out;
  for (const auto& result : results) out.append(array_to_python(result));
  return out;
}

} // namespace

nb::object numpy_dtype(DType type) {
  nb::module_ numpy = nb::module_::import_("numpy");
  if (type != bf16) return numpy.attr("dtype")(numpy_name(type));
  try {
    return numpy.attr("dtype")(nb::module_::import_("ml_dtypes").attr("bfloat16"));
  } catch (nb::python_error&) { throw unsupported("NumPy has no bfloat16").hint("install the package ml_dtypes"); }
}

interpreter::Array array_from_python(nb::handle object, const std::string& what) {
  nb::module_ numpy = nb::module_::import_("numpy");
  nb::object array;
  try {
    array = numpy.attr("ascontiguousarray")(object).attr("reshape")(numpy.attr("shape")(object));
  } catch (nb::python_error& error) { throw user_error("{}: expected an array, found {}", what, nb::repr(object).c_str()); }
  const std::string name = nb::str(nb::object(array.attr("dtype"))).c_str();
  for (DType type : numpy_types) {
    if (numpy_name(type) != name) continue;
    std::vector<int64_t> shape;
    for (nb::handle size : nb::borrow<nb::sequence>(array.attr("shape"))) shape.push_back(nb::cast<int64_t>(size));
    nb::bytes bytes = nb::cast<nb::bytes>(array.attr("tobytes")());
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.c_str());
    return {type, std::move(shape), Blob(std::vector<std::byte>(begin, begin + bytes.size()))};
  }
  throw user_error("{}: expected numbers or bool, found elements of type {}", what, name);
}

nb::object array_to_python(const interpreter::Array& array) {
  const auto bytes = array.bytes.bytes();
  nb::object flat = nb::module_::import_("numpy").attr("frombuffer")(nb::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                                                                     numpy_dtype(array.dtype));
  nb::list shape;
  for (int64_t size : array.shape) shape.append(size);
  return flat.attr("reshape")(nb::tuple(shape)).attr("copy")();
}

void bind_interpreter(nb::module_& module) {
  module.def(
      "interpret",
      [](nb::handle node, nb::sequence inputs, const std::string& function) {
        return interpret(module_from_python(node), inputs, function);
      },
      nb::arg("module"), nb::arg("inputs"), nb::arg("function") = "main",
      nb::sig(
          "def interpret(module: Module, inputs: collections.abc.Sequence[object], function: str = 'main') -> list[numpy.typing.NDArray]"),
      "What the function computes, slowly and exactly as the IR says.");
  module.def(
      "constant",
      [](nb::handle value, const std::string& id) { return node_to_python(array_from_python(value, "constant").constant(id).node()); },
      nb::arg("array"), nb::arg("id") = "", nb::sig("def constant(array: object, id: str = '') -> Constant"),
      "A constant of an array's contents.");
  module.def(
      "constant_array",
      [](nb::handle node) {
        const auto* constant = as<Constant>(node_from_python(node));
        if (!constant) throw nb::type_error("expected a Constant");
        return array_to_python(interpreter::Array::of(*constant));
      },
      nb::arg("constant"), nb::sig("def constant_array(constant: Constant) -> numpy.typing.NDArray"), "The contents of a constant.");
}

} // namespace tw::bindings

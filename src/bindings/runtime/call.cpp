// SPDX-License-Identifier: Apache-2.0
#include "bindings/runtime/call.h"

#include "bindings/errors.h"
#include "bindings/runtime/memory.h"
#include "bindings/runtime/port.h"

#include <algorithm>
#include <cstring>

namespace nb = nanobind;

namespace tw::bindings {
namespace {

[[noreturn]] void refuse(const std::string& text) { throw RaisedError{PythonError::user, text, text, {}, ""}; }

// "'a', 'b'"
std::string listed(const std::vector<nb::object>& names) {
  std::string text;
  for (const nb::object& name : names) text += (text.empty() ? "" : ", ") + std::string(nb::repr(name).c_str());
  return text;
}

[[noreturn]] void refuse_names(const tw_module_descriptor& module, const std::vector<nb::object>& names, const nb::dict& inputs) {
  std::vector<nb::object> missing, unknown;
  for (const nb::object& name : names)
    if (!inputs.contains(name)) missing.push_back(name);
  for (auto [key, value] : inputs)
    if (std::none_of(names.begin(), names.end(), [&](const nb::object& name) { return name.equal(key); })) unknown.push_back(nb::str(key));
  std::string text =
      "model '" + std::string(module.name) + "': expected the inputs " + (names.empty() ? "of a model without inputs" : listed(names));
  if (!missing.empty()) text += "; missing " + listed(missing);
  if (!unknown.empty()) text += "; unknown " + listed(unknown);
  refuse(text);
}

// What NumPy calls the type; empty where it has none of its own.
std::string numpy_name(tw_dtype dtype) {
  if (dtype.code == 6) return "bool";
  const char* word = dtype.code == 0 ? "int" : dtype.code == 1 ? "uint" : dtype.code == 2 ? "float" : nullptr;
  return word == nullptr ? "" : word + std::to_string(dtype.bits);
}

bool is_python_number_or_list(nb::handle object) {
  PyObject* o = object.ptr();
  return PyLong_Check(o) || PyFloat_Check(o) || PyList_Check(o) || PyTuple_Check(o);
}

nb::object as_array(nb::handle object, const tw_module_descriptor& module, const tw_port& port) {
  const std::string type = numpy_name(port.dtype);
  if (type.empty())
    refuse("input '" + std::string(port.name) + "': a Python " + nb::str(nb::getattr(object.type(), "__name__")).c_str() +
           " cannot be made into " + dtype_name(port.dtype) + "; pass an array");
  try {
    return nb::module_::import_("numpy").attr("asarray")(object, nb::arg("dtype") = type.c_str());
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_ValueError) && !error.matches(PyExc_TypeError) && !error.matches(PyExc_OverflowError)) throw;
    refuse("input '" + std::string(port.name) + "': expected numbers for " + port_text(describe(port, module.symbols)) + ": " +
           nb::str(error.value()).c_str());
  }
}

} // namespace

void check(tw_status status) {
  if (status == TW_OK) return;
  const std::string text = tw_last_error();
  throw RaisedError{static_cast<PythonError>(status), text, text, {}, ""};
}

Call::Call(const tw_module_descriptor& module, const std::vector<nb::object>& names, nb::handle inputs)
    : module_(module), borrowed_(std::make_unique<Borrowed[]>(names.size())), inputs_(names.size()) {
  if (PyDict_Check(inputs.ptr())) {
    take_named(names, nb::borrow<nb::dict>(inputs));
  } else if (!PyTuple_Check(inputs.ptr()) && nb::hasattr(inputs, "keys")) {
    nb::dict copied;
    if (PyDict_Update(copied.ptr(), inputs.ptr()) != 0) throw nb::python_error();
    take_named(names, copied);
  } else {
    take_sequence(inputs);
  }
  prepare_outputs();
}

void Call::take_named(const std::vector<nb::object>& names, nb::dict inputs) {
  if (nb::len(inputs) != names.size()) refuse_names(module_, names, inputs);
  for (size_t i = 0; i < names.size(); ++i) {
    PyObject* found = PyDict_GetItemWithError(inputs.ptr(), names[i].ptr());
    if (found == nullptr) refuse_names(module_, names, inputs);
    take_input(i, found);
  }
}

void Call::take_sequence(nb::handle inputs) {
  const nb::object items = nb::steal(PySequence_Tuple(inputs.ptr())); // a list could change while an item is converted
  if (!items.is_valid()) throw nb::python_error();
  const auto count = static_cast<size_t>(PyTuple_GET_SIZE(items.ptr()));
  if (count != inputs_.size())
    refuse("module '" + std::string(module_.name) + "': expected " + std::to_string(inputs_.size()) + " inputs, found " +
           std::to_string(count));
  for (size_t i = 0; i < count; ++i) take_input(i, PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i)));
}

void Call::take_input(size_t index, nb::handle object) {
  const tw_port& port = module_.inputs[index];
  const nb::object held = is_python_number_or_list(object) ? as_array(object, module_, port) : nb::borrow(object);
  borrowed_[index].take(held, port.name);
  inputs_[index] = borrowed_[index].tensor();
}

// Gives the symbols their values (-1: not known, the runtime will say what is wrong with the inputs) and the outputs their memory.
void Call::prepare_outputs() {
  std::vector<int64_t> symbols(static_cast<size_t>(module_.symbol_count), -1);
  for (size_t i = 0; !symbols.empty() && i < inputs_.size(); ++i)
    for (int32_t d = 0; d < std::min(inputs_[i].ndim, module_.inputs[i].rank); ++d)
      if (int32_t symbol = module_.inputs[i].dimensions[d].symbol; symbol >= 0 && symbols[static_cast<size_t>(symbol)] < 0)
        symbols[static_cast<size_t>(symbol)] = inputs_[i].shape[d];
  results.resize(static_cast<size_t>(module_.output_count));
  outputs_.resize(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    const tw_port& port = module_.outputs[i];
    Tensor& result = results[i];
    result.dtype = port.dtype;
    result.shape.resize(static_cast<size_t>(port.rank));
    bool known = true;
    for (int32_t d = 0; d < port.rank; ++d) {
      const tw_dimension& dimension = port.dimensions[d];
      int64_t& size = result.shape[static_cast<size_t>(d)];
      size = dimension.symbol >= 0 ? symbols[static_cast<size_t>(dimension.symbol)] : dimension.symbol == TW_FIXED ? dimension.size : -1;
      known = known && size >= 0;
    }
    if (!known) continue;
    result.memory = allocate_aligned(dense_bytes(port.dtype, result.shape));
    outputs_[i] = {result.memory.get(), 1, 0, port.rank, port.dtype, result.shape.data(), nullptr, 0};
  }
}

// What the session filled in at an earlier run is forgotten.
void Call::run(tw_session* session) {
  for (size_t i = 0; i < results.size(); ++i)
    if (!results[i].memory) outputs_[i] = {};
  check(tw_session_run(session, inputs_.data(), static_cast<int32_t>(inputs_.size()), outputs_.data(),
                       static_cast<int32_t>(outputs_.size())));
}

// Outputs that lie in the session's memory are copied: the session runs again.
void Call::take_results() {
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].memory) continue;
    const tw_tensor& output = outputs_[i];
    results[i].shape.assign(output.shape, output.shape + output.ndim);
    results[i].memory = allocate_aligned(results[i].bytes());
    std::memcpy(results[i].memory.get(), output.data, static_cast<size_t>(results[i].bytes()));
  }
}

} // namespace tw::bindings

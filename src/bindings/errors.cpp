// SPDX-License-Identifier: Apache-2.0
#include "bindings/errors.h"

namespace nb = nanobind;

namespace tw::bindings {

void set_python_error(const RaisedError& error) {
  try {
    constexpr const char* names[] = {"", "UserError", "UnsupportedError", "InternalError", "ScheduleError"};
    const char* name = names[static_cast<size_t>(error.kind)];
    nb::object type = nb::module_::import_("tensorwright.errors").attr(name);
    nb::list places;
    for (const std::string& place : error.places) places.append(nb::str(place.data(), place.size()));
    nb::object value = type(nb::str(error.message.data(), error.message.size()), nb::tuple(places),
                            nb::str(error.hint.data(), error.hint.size()), nb::str(error.text.data(), error.text.size()));
    PyErr_SetObject(type.ptr(), value.ptr());
  } catch (nb::python_error& broken) {
    broken.restore(); // the package itself is damaged: its own error says how
  }
}

void register_raised_error() {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const RaisedError& error) { set_python_error(error); }
  });
}

} // namespace tw::bindings

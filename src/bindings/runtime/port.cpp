// SPDX-License-Identifier: Apache-2.0
#include "bindings/runtime/port.h"

#include "bindings/runtime/tensor.h"

#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace tw::bindings {

Port describe(const tw_port& port, const tw_symbol* symbols) {
  Port out{port.name, dtype_name(port.dtype), {}};
  for (int32_t i = 0; i < port.rank; ++i) {
    const tw_dimension& dimension = port.dimensions[i];
    if (dimension.symbol >= 0) out.shape.push_back(nb::str(symbols[dimension.symbol].name));
    else if (dimension.symbol == TW_FIXED) out.shape.push_back(nb::int_(dimension.size));
    else out.shape.push_back(nb::none());
  }
  return out;
}

std::string port_text(const Port& port) {
  std::string sizes;
  for (const nb::object& size : port.shape)
    sizes += (sizes.empty() ? "" : ", ") + std::string(size.is_none() ? "?" : nb::str(size).c_str());
  return port.name + ": Tensor[(" + sizes + (port.shape.size() == 1 ? ",), " : "), ") + port.dtype + "]";
}

void bind_port(nb::module_& module) {
  nb::class_<Port>(module, "Port", "An input or output of a model.")
      .def_ro("name", &Port::name)
      .def_ro("dtype", &Port::dtype)
      .def_prop_ro(
          "shape",
          [](const Port& port) {
            nb::list sizes;
            for (const nb::object& size : port.shape) sizes.append(size);
            return nb::tuple(sizes);
          },
          nb::sig("def shape(self) -> tuple[int | str | None, ...]"), "Sizes, names of symbols, None where only the run knows.")
      .def("__repr__", port_text);
}

} // namespace tw::bindings

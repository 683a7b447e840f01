// SPDX-License-Identifier: Apache-2.0
// The extension module tensorwright._runtime: loads and runs compiled models. Links the runtime only, so `tw.load` needs no compiler.
#include "bindings/errors.h"
#include "bindings/runtime/executable.h"
#include "bindings/runtime/port.h"

NB_MODULE(_runtime, module) {
  module.doc() = "Loads and runs compiled models; the face for people is the package tensorwright.";
  tw::bindings::register_raised_error();
  tw::bindings::bind_tensor(module);
  tw::bindings::bind_port(module);
  tw::bindings::bind_executable(module);
  module.def("version", [] { return tw_runtime_version(); });
  module.def(
      "devices",
      [] {
        nanobind::dict out;
        for (int32_t i = 0; const char* name = tw_device_name(i); ++i) out[name] = tw_device_count(name);
        return out;
      },
      nanobind::sig("def devices() -> dict[str, int]"),
      "The kinds of devices that the runtime knows, and how many of each this machine has.");
}

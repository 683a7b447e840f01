// SPDX-License-Identifier: Apache-2.0
// The extension module tensorwright._runtime: loads and runs compiled models. Links the runtime only, so `tw.load` needs no compiler.
#include "bindings/errors.h"
#include "bindings/runtime/executable.h"

NB_MODULE(_runtime, module) {
  module.doc() = "Loads and runs compiled models; the face for people is the package tensorwright.";
  tw::bindings::register_raised_error();
  tw::bindings::bind_tensor(module);
  tw::bindings::bind_executable(module);
  module.def("version", [] { return tw_runtime_version(); });
}

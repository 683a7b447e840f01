// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/core/convert.h"
#include "passes/pass.h"

namespace tw::bindings {

// Runs something on a module with the interpreter's lock released. Remarks are appended to the list, if one is given.
using RunOnModule = FunctionRef<Ref<Module>(const Ref<Module>& module, const Target& target, passes::PassContext& context)>;
nb::object run_on(nb::handle module, const std::string& target, const passes::PassOptions& options, nb::handle remarks, RunOnModule run);

// tensorwright._core.passes: every pass by name.
void bind_passes(nb::module_& module);

} // namespace tw::bindings

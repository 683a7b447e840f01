// SPDX-License-Identifier: Apache-2.0
// The extension module tensorwright._core: the compiler in Python. Nodes, operators, passes and schedule primitives are derived from their
// declarations; nothing here names one of them.
#include "bindings/core/arrays.h"
#include "bindings/core/compile.h"
#include "bindings/core/frontends.h"
#include "bindings/core/node_access.h"
#include "bindings/core/operators.h"
#include "bindings/core/passes.h"
#include "bindings/core/schedule.h"
#include "bindings/errors.h"
#include "schedule/schedule.h"

namespace {

void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const tw::Error& error) {
    using namespace tw::bindings;
    const bool refused = dynamic_cast<const tw::schedule::ScheduleError*>(&error) != nullptr;
    const auto kind = refused ? PythonError::schedule : static_cast<PythonError>(tw::exit_code(error.kind()));
    set_python_error({kind, error.message(), error.what(), error.places(), error.hint_text()});
  }
}

} // namespace

NB_MODULE(_core, module) {
  module.doc() = "The compiler: nodes of both levels, operators, passes, compile.";
  nanobind::register_exception_translator(translate);
  tw::bindings::bind_data(module);
  tw::bindings::bind_nodes(module);
  tw::bindings::bind_interpreter(module);
  tw::bindings::bind_operators(module);
  tw::bindings::bind_text(module);
  tw::bindings::bind_frontends(module);
  tw::bindings::bind_passes(module);
  tw::bindings::bind_schedule(module);
#ifdef TENSORWRIGHT_COMPILER_READY
  tw::bindings::bind_compile(module);
#endif
}

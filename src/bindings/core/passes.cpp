// SPDX-License-Identifier: Apache-2.0
// Passes and pipelines in Python, derived from the table: tensorwright._core.passes holds every pass by name.
#include "bindings/core/passes.h"
#include "compile/pipelines/cpu.h"
#include "passes/pass.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace tw::bindings {
namespace {

// Runs with the interpreter's lock released. Remarks go to Python's warnings only where somebody asks: the list, if one is given.
template <class F> nb::object run_on(nb::handle module, const std::string& target_name, bool exact, nb::handle remarks, F&& run) {
  Ref<Module> result = module_from_python(module);
  std::vector<Remark> made;
  {
    nb::gil_scoped_release released;
    const Target target = parse_target(target_name);
    passes::PassContext context{.target = target, .options = {.exact = exact}, .remarks = {}};
    result = run(result, target, context);
    made = std::move(context.remarks);
  }
  if (!remarks.is_none())
    for (const Remark& remark : made) remarks.attr("append")(nb::make_tuple(remark.subject, remark.text));
  return node_to_python(result.node());
}

nb::object run_pass(const passes::Pass& pass, nb::handle module, const std::string& target, bool exact, nb::handle remarks) {
  return run_on(module, target, exact, remarks, [&](const Ref<Module>& m, const Target&, passes::PassContext& context) {
    return with_place(fmt::format("pass {}", pass.name), [&] { return passes::run(pass, m, context); });
  });
}

nb::object run_cpu(nb::handle module, const std::string& target, const std::string& stop_after, const std::vector<std::string>& disable,
                   bool verify, nb::handle remarks) {
  return run_on(module, target, false, remarks, [&](const Ref<Module>& m, const Target& parsed, passes::PassContext& context) {
    std::vector<compile::PassTiming> timings;
    compile::DriverOptions options{.disable = {disable.begin(), disable.end()},
                                   .print_after = {},
                                   .stop_after = stop_after,
                                   .dump_folder = "",
                                   .verify = verify,
                                   .print = {}};
    return compile::run_pipeline(compile::cpu_pipeline(parsed), m, context, options, timings);
  });
}

} // namespace

void bind_passes(nb::module_& module) {
  nb::class_<passes::Pass>(module, "Pass", "A pass: a function from Module to Module.")
      .def("__call__", run_pass, nb::arg("module"), nb::arg("target") = "native", nb::kw_only(), nb::arg("exact") = false,
           nb::arg("remarks") = nb::none(),
           nb::sig("def __call__(self, module: Module, target: str = 'native', *, exact: bool = False, remarks: list[tuple[str, str]] | "
                   "None = None) -> Module"))
      .def("__repr__", [](const passes::Pass& pass) { return fmt::format("<pass {}>", pass.name); })
      .def_prop_ro("name", [](const passes::Pass& pass) { return pass.name; })
      .def_prop_ro("doc", [](const passes::Pass& pass) { return pass.doc; })
      .def_prop_ro("level", [](const passes::Pass& pass) { return pass.graph ? "graph" : "kernel"; });
  nb::dict table;
  for (const passes::Pass* pass : passes::table()) table[pass->name] = nb::cast(pass, nb::rv_policy::reference);
  module.attr("passes") = table;
  module.def(
      "pipeline_cpu", run_cpu, nb::arg("module"), nb::arg("target") = "native", nb::kw_only(), nb::arg("stop_after") = "",
      nb::arg("disable") = std::vector<std::string>{}, nb::arg("verify") = false, nb::arg("remarks") = nb::none(),
      nb::sig(
          "def pipeline_cpu(module: Module, target: str = 'native', *, stop_after: str = '', disable: collections.abc.Sequence[str] = (), "
          "verify: bool = False, remarks: list[tuple[str, str]] | None = None) -> Module"),
      "All passes for processors, in their order.");
}

} // namespace tw::bindings

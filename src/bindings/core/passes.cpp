// SPDX-License-Identifier: Apache-2.0
// Passes in Python, derived from the table: tensorwright._core.passes holds every pass by name.
#include "bindings/core/passes.h"

#include <nanobind/stl/string.h>

namespace tw::bindings {

nb::object run_on(nb::handle object, const std::string& target_name, const passes::PassOptions& options, nb::handle remarks,
                  RunOnModule run) {
  Ref<Module> module = module_from_python(object);
  std::vector<Remark> made;
  {
    nb::gil_scoped_release released;
    const Target target = parse_target(target_name);
    passes::PassContext context{.target = target, .options = options, .remarks = {}};
    module = run(module, target, context);
    made = std::move(context.remarks);
  }
  if (!remarks.is_none())
    for (const Remark& remark : made) remarks.attr("append")(nb::make_tuple(remark.subject, remark.text));
  return node_to_python(module.node());
}

namespace {

nb::object run_pass(const passes::Pass& pass, nb::handle module, const std::string& target, bool exact, nb::handle remarks) {
  return run_on(module, target, {.exact = exact}, remarks, [&](const Ref<Module>& m, const Target&, passes::PassContext& context) {
    return with_place(fmt::format("pass {}", pass.name), [&] { return passes::run(pass, m, context); });
  });
}

} // namespace

void bind_passes(nb::module_& module) {
  nb::class_<passes::Pass>(module, "Pass", "A pass: a function from Module to Module.")
      .def("__call__", run_pass, nb::arg("module"), nb::arg("target") = "native", nb::kw_only(), nb::arg("exact") = false,
           nb::arg("remarks") = nb::none(),
           nb::sig("def __call__(self, module: Module, target: str = 'native', *, exact: bool = False, "
                   "remarks: list[tuple[str, str]] | None = None) -> Module"))
      .def("__repr__", [](const passes::Pass& pass) { return fmt::format("<pass {}>", pass.name); })
      .def_prop_ro("name", [](const passes::Pass& pass) { return pass.name; })
      .def_prop_ro("doc", [](const passes::Pass& pass) { return pass.doc; })
      .def_prop_ro("level", [](const passes::Pass& pass) { return pass.graph ? "graph" : "kernel"; });
  nb::dict table;
  for (const passes::Pass* pass : passes::table()) table[pass->name] = nb::cast(pass, nb::rv_policy::reference);
  module.attr("passes") = table;
}

} // namespace tw::bindings

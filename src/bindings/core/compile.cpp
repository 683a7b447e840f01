// SPDX-License-Identifier: Apache-2.0
// The compiler as one call, in Python: models in, machine code out. The interpreter's lock is released meanwhile.
#include "bindings/core/compile.h"
#include "bindings/core/passes.h"
#include "bindings/module_capsule.h"
#include "compile/compile.h"
#include "compile/pipelines/cpu.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace tw::bindings {
namespace {

using compile::CompiledModule;

CompiledModule compile_module(nb::handle object, const compile::Options& options, const std::string& function) {
  const Ref<Module> module = module_from_python(object);
  nb::gil_scoped_release released;
  return compile::compile(module, options, function);
}

compile::Options make_options(const std::string& target, const std::map<std::string, int64_t>& dims, bool cache, bool exact,
                              const std::vector<std::string>& disable, bool verify) {
  compile::Options out;
  out.target = target;
  out.dims = dims;
  out.cache = cache;
  out.passes.exact = exact;
  out.driver.disable = {disable.begin(), disable.end()};
  out.driver.verify = verify;
  return out;
}

nb::object runtime_capsule(const CompiledModule& compiled) {
  auto* capsule = new ModuleCapsule{&compiled.descriptor(), new CompiledModule(compiled),
                                    [](void* owner) { delete static_cast<CompiledModule*>(owner); }};
  PyObject* object = PyCapsule_New(capsule, ModuleCapsule::name, [](PyObject* unused) {
    auto* c = static_cast<ModuleCapsule*>(PyCapsule_GetPointer(unused, ModuleCapsule::name));
    c->release(c->owner);
    delete c;
  });
  if (object == nullptr) throw nb::python_error();
  return nb::steal(object);
}

nb::dict report_dict(const CompiledModule& compiled) {
  const compile::Report& report = compiled.report();
  nb::dict out;
  nb::list timings, remarks, launches;
  for (const auto& pass : report.passes) timings.append(nb::make_tuple(pass.name, pass.seconds, pass.changed));
  for (const auto& remark : report.remarks) remarks.append(nb::make_tuple(remark.subject, remark.text));
  for (const auto& l : report.launches)
    launches.append(nb::make_tuple(l.kernel, l.origin, l.shape, l.flops, l.bytes, l.predicted_ns * 1e-9));
  out["passes"] = timings;
  out["remarks"] = remarks;
  out["launches"] = launches;
  out["total_seconds"] = report.total_seconds;
  out["code_seconds"] = report.code_seconds;
  out["weights_seconds"] = report.weights_seconds;
  out["arena_bytes"] = report.arena_bytes;
  out["live_bytes"] = report.live_bytes;
  out["weight_bytes"] = report.weight_bytes;
  out["code_bytes"] = report.code_bytes;
  out["kernels"] = report.kernels;
  out["kernels_cached"] = report.kernels_cached;
  return out;
}

nb::object load_model(const std::string& path) {
  Opt<Module> module;
  {
    nb::gil_scoped_release released;
    module = compile::load_model(path);
  }
  return node_to_python(module.node());
}

nb::object run_cpu(nb::handle module, const std::string& target, const std::string& stop_after, const std::vector<std::string>& disable,
                   bool verify, nb::handle remarks) {
  return run_on(module, target, {}, remarks, [&](const Ref<Module>& m, const Target& parsed, passes::PassContext& context) {
    std::vector<compile::PassTiming> timings;
    const compile::Options options = make_options(target, {}, true, false, disable, verify);
    compile::DriverOptions driver = options.driver;
    driver.stop_after = stop_after;
    return compile::run_pipeline(compile::cpu_pipeline(parsed), m, context, driver, timings);
  });
}

} // namespace

void bind_compile(nb::module_& module) {
  nb::class_<CompiledModule>(module, "CompiledModule", "Machine code, constants and descriptor of a compiled module.")
      .def("runtime_capsule", runtime_capsule, nb::sig("def runtime_capsule(self) -> object"),
           "For tensorwright._runtime.Executable.from_capsule.")
      .def(
          "save", [](const CompiledModule& c, const std::string& path) { c.save(path); }, nb::arg("path"),
          nb::call_guard<nb::gil_scoped_release>())
      .def(
          "assembly", [](const CompiledModule& c, const std::string& kernel) { return c.assembly(kernel).text; }, nb::arg("kernel"),
          "The machine code of a kernel as text.")
      .def_prop_ro("report", report_dict, nb::sig("def report(self) -> dict[str, typing.Any]"))
      .def_prop_ro(
          "lowered", [](const CompiledModule& c) { return node_to_python(c.lowered().node()); }, nb::sig("def lowered(self) -> Module"),
          "The module after all passes.");
  module.def(
      "compile",
      [](nb::handle object, const std::string& target, const std::map<std::string, int64_t>& dims, bool cache, bool exact,
         const std::vector<std::string>& disable, bool verify, const std::string& function) {
        return compile_module(object, make_options(target, dims, cache, exact, disable, verify), function);
      },
      nb::arg("module"), nb::kw_only(), nb::arg("target") = "native", nb::arg("dims") = std::map<std::string, int64_t>{},
      nb::arg("cache") = true, nb::arg("exact") = false, nb::arg("disable") = std::vector<std::string>{}, nb::arg("verify") = false,
      nb::arg("function") = "main",
      nb::sig("def compile(module: Module, *, target: str = 'native', dims: dict[str, int] = {}, cache: bool = True, "
              "exact: bool = False, "
              "disable: collections.abc.Sequence[str] = (), verify: bool = False, function: str = 'main') -> CompiledModule"));
  module.def("load_model", load_model, nb::arg("path"), nb::sig("def load_model(path: str) -> Module"),
             "A model file of any known format, found from its content.");
  module.def(
      "pipeline_cpu", run_cpu, nb::arg("module"), nb::arg("target") = "native", nb::kw_only(), nb::arg("stop_after") = "",
      nb::arg("disable") = std::vector<std::string>{}, nb::arg("verify") = false, nb::arg("remarks") = nb::none(),
      nb::sig(
          "def pipeline_cpu(module: Module, target: str = 'native', *, stop_after: str = '', disable: collections.abc.Sequence[str] = (), "
          "verify: bool = False, remarks: list[tuple[str, str]] | None = None) -> Module"),
      "All passes for processors, in their order.");
}

} // namespace tw::bindings

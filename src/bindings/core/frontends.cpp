// SPDX-License-Identifier: Apache-2.0
// Readers of model formats in Python. The interpreter's lock is released while they work.
#include "bindings/core/frontends.h"

#include "bindings/core/arrays.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/reader.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace tw::bindings {
namespace {

using Sizes = std::map<std::string, int64_t>;
using Values = std::map<std::string, nb::object>;
using Wanted = std::optional<nb::set>;

// Calls the importer with the options; `wanted` gains the names even if it fails.
template <class F> nb::object imported(const Sizes& dims, const Values& values, const Wanted& wanted, F&& import) {
  std::set<std::string> names;
  onnx::ImportOptions options{.dims = dims, .values = {}, .wanted = &names};
  for (const auto& [name, value] : values)
    options.values.emplace(name, array_from_python(value, fmt::format("the value of input '{}'", name)));
  Opt<Module> module;
  std::exception_ptr failure;
  {
    nb::gil_scoped_release released;
    try {
      module = import(options);
    } catch (...) { failure = std::current_exception(); }
  }
  if (wanted)
    for (const auto& name : names) nb::set(*wanted).add(name);
  if (failure) std::rethrow_exception(failure);
  return node_to_python(module.node());
}

nb::object load_onnx(const std::string& path, const Sizes& dims, const Values& values, const Wanted& wanted) {
  return imported(dims, values, wanted, [&](const onnx::ImportOptions& options) { return onnx::load(path, options); });
}

nb::object load_onnx_bytes(nb::bytes bytes, const Sizes& dims, const Values& values, const Wanted& wanted) {
  const std::span<const std::byte> view(reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size());
  return imported(dims, values, wanted,
                  [&](const onnx::ImportOptions& options) { return onnx::import_model(onnx::read_model(view), options); });
}

} // namespace

void bind_frontends(nb::module_& module) {
  module.def("load_onnx", load_onnx, nb::arg("path"), nb::arg("dims") = Sizes{}, nb::arg("values") = Values{},
             nb::arg("wanted") = nb::none(),
             nb::sig("def load_onnx(path: str, dims: dict[str, int] = {}, values: dict[str, object] = {}, wanted: set[str] | None = None) "
                     "-> Module"),
             "An ONNX file; its weights stay there, mapped. `wanted` gains the inputs whose values an import needed and did not have.");
  module.def("load_onnx_bytes", load_onnx_bytes, nb::arg("bytes"), nb::arg("dims") = Sizes{}, nb::arg("values") = Values{},
             nb::arg("wanted") = nb::none(),
             nb::sig("def load_onnx_bytes(bytes: bytes, dims: dict[str, int] = {}, values: dict[str, object] = {}, "
                     "wanted: set[str] | None = None) -> Module"),
             "An ONNX model in memory.");
  module.def("onnx_operators", onnx::supported_operators, "The ONNX operators that can be imported.");
}

} // namespace tw::bindings

// SPDX-License-Identifier: Apache-2.0
// Readers of model formats in Python. The interpreter's lock is released while they work.
#include "bindings/core/frontends.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/reader.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace tw::bindings {
namespace {

using Sizes = std::map<std::string, int64_t>;

template <class F> nb::object loaded(F&& load) {
  Opt<Module> module;
  {
    nb::gil_scoped_release released;
    module = load();
  }
  return node_to_python(module.node());
}

nb::object load_onnx(const std::string& path, const Sizes& dims) {
  return loaded([&] { return onnx::load(path, {.dims = dims}); });
}

nb::object load_onnx_bytes(nb::bytes bytes, const Sizes& dims) {
  const std::span<const std::byte> view(reinterpret_cast<const std::byte*>(bytes.c_str()), bytes.size());
  return loaded([&] { return onnx::import_model(onnx::read_model(view), {.dims = dims}); });
}

} // namespace

void bind_frontends(nb::module_& module) {
  module.def("load_onnx", load_onnx, nb::arg("path"), nb::arg("dims") = Sizes{},
             nb::sig("def load_onnx(path: str, dims: dict[str, int] = {}) -> Module"), "An ONNX file; its weights stay there, mapped.");
  module.def("load_onnx_bytes", load_onnx_bytes, nb::arg("bytes"), nb::arg("dims") = Sizes{},
             nb::sig("def load_onnx_bytes(bytes: bytes, dims: dict[str, int] = {}) -> Module"), "An ONNX model in memory.");
  module.def("onnx_operators", onnx::supported_operators, "The ONNX operators that can be imported.");
}

} // namespace tw::bindings

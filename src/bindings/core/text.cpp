// SPDX-License-Identifier: Apache-2.0
// The text form in Python: parse (the repr of a node is in node_class.cpp).
#include "ir/text.h"
#include "bindings/core/frontends.h"
#include "ops/op.h"

#include <nanobind/stl/string.h>

namespace tw::bindings {
namespace {

// Values without an annotation get the type that the operator's rule gives.
std::vector<Ref<Type>> result_types(const Operation& operation) {
  std::vector<Ref<Type>> types;
  if (const auto* call = as<OpCall>(&operation))
    for (const auto& type : ops::infer_types(*call)) types.push_back(type);
  return types;
}

nb::object parse_text(const std::string& text, const std::string& file) {
  return node_to_python(tw::parse(text, {.file = file}, {.names = {}, .find = {}, .result_types = result_types}).node());
}

} // namespace

void bind_text(nb::module_& module) {
  module.def("parse", parse_text, nb::arg("text"), nb::arg("file") = "", nb::sig("def parse(text: str, file: str = '') -> Module"),
             "The module that the text describes: parse(str(module)) == module.");
  module.def(
      "to_text", [](const Node& node, bool origins) { return to_text(&node, PrintOptions{.origins = origins}); }, nb::arg("node"),
      nb::kw_only(), nb::arg("origins") = false, "The text of a node; with origins, where each statement came from.");
}

} // namespace tw::bindings

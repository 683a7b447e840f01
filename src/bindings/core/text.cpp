// SPDX-License-Identifier: Apache-2.0
// The text form in Python: parse (str() of a node is in node_class.cpp).
#include "ir/text.h"
#include "bindings/core/compile.h"

#include <nanobind/stl/string.h>

namespace tw::bindings {

void bind_text(nb::module_& module) {
  module.def(
      "parse", [](const std::string& text, const std::string& file) { return node_to_python(tw::parse(text, {.file = file}).node()); },
      nb::arg("text"), nb::arg("file") = "", nb::sig("def parse(text: str, file: str = '') -> Module"),
      "The module that the text describes: parse(str(module)) == module.");
  module.def(
      "to_text", [](const Node& node, bool origins) { return to_text(&node, PrintOptions{.origins = origins}); }, nb::arg("node"),
      nb::kw_only(), nb::arg("origins") = false, "The text of a node; with origins, where each statement came from.");
}

} // namespace tw::bindings

// SPDX-License-Identifier: Apache-2.0
// Model-local functions: a model may define operators by graphs of others, with attributes passed through. A call is replaced by the
// function's nodes; afterwards the rest of the compiler knows nothing of functions.
#pragma once

#include "frontends/onnx/model.h"

namespace tw::onnx {

struct Function {
  std::string name, domain, overload;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> attributes; // without default: a call may leave them out
  std::vector<Attribute> attribute_defaults;
  std::vector<Node> nodes;
};
std::string describe(const Function& function);

// Inlines every call, also inside subgraphs and other functions. New names begin with the call's name and are unique in the model.
// Throws a user error for recursion, too many arguments, and functions that expand beyond reason.
void inline_functions(Model& model, const std::vector<Function>& functions);

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Names, order and versions of a converted model: what makes a list of nodes a graph.
#pragma once

#include "frontends/onnx/model.h"

namespace tw::onnx {

// Checks that every name is defined once and every name that is read is defined, moves inputs that have an initializer to value_infos, and
// sorts nodes that stand before what they read (the format demands order, some tools do not keep it). Throws a user error that names the
// nodes for: no output, a name defined twice, a name that nothing defines, a cycle, an operator domain without version, a reference to a
// function's attribute outside a function.
void check_graph(Model& model);

} // namespace tw::onnx

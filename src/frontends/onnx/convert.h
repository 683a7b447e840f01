// SPDX-License-Identifier: Apache-2.0
// From protobuf's classes to our structures: names checked, types and attributes read, each node told the opset it was written for.
// Order, names and functions are left as the file has them (check_graph.h, inline_functions.h).
#pragma once

#include "frontends/onnx/inline_functions.h"
#include "frontends/onnx/model.h"
#include "frontends/onnx/tensor.h"

namespace onnx {
class ModelProto;
}

namespace tw::onnx {

struct Converted {
  Model model;
  std::vector<Function> functions;
};
Converted convert(const ::onnx::ModelProto& proto, TensorSource& source);

} // namespace tw::onnx

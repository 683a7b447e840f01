// SPDX-License-Identifier: Apache-2.0
// Results to compare with: outputs in the model's order.
#pragma once

#include "cli/model.h"

namespace tw::cli {

// The imported model through the reference interpreter.
NamedTensors interpret(const ModelOptions& options, const tw_module_descriptor& module, const NamedTensors& inputs);
// The model file through ONNX Runtime: runs `python3` (TENSORWRIGHT_PYTHON names another) with arrays in files. What is missing there is an
// `unsupported` error that says how to install it.
NamedTensors run_onnxruntime(const ModelOptions& options, const tw_module_descriptor& module, const NamedTensors& inputs);

struct ReferenceOutputs {
  NamedTensors outputs;
  bool wide;           // floats of the model are f64 here
  std::string problem; // why they are not
};
// The model compiled for float64 as compile/float64.h does.
ReferenceOutputs run_float64(const ModelOptions& options, const NamedTensors& inputs);

} // namespace tw::cli

// SPDX-License-Identifier: Apache-2.0
// What a model is, in short: for `tensorwright info` and for reports.
#pragma once

#include "frontends/onnx/model.h"

namespace tw::onnx {

struct Summary {
  int64_t ir_version = 0;
  std::string producer;                  // "pytorch 2.1"
  std::map<std::string, int64_t> opsets; // domain to version; "" is ONNX's own
  std::vector<Value> inputs, outputs;
  std::vector<std::string> dynamic_dimensions;                     // names in the inputs' shapes, in their order, each once
  std::vector<std::pair<std::string, int64_t>> operators;          // "Conv" or "com.microsoft.FusedConv", most frequent first
  int64_t node_count = 0;                                          // with those of subgraphs
  int64_t weight_count = 0, weight_elements = 0, weight_bytes = 0; // initializers, with those of subgraphs
};

Summary summary(const Model& model);

} // namespace tw::onnx

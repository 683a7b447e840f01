// SPDX-License-Identifier: Apache-2.0
// From an ONNX model to a Module: every node becomes operator calls, sizes that the model computes with Shape, Gather and arithmetic become
// symbolic dimensions, and what is decided by them (Reshape, Slice, If) is decided here.
//
//   tw::Ref<tw::Module> module = tw::onnx::load("model.onnx");
//
// The Module holds one Function "main" with the attributes `inputs` and `outputs` (the model's names) and is at stage `imported`. Weights
// are not copied: they stay in the mapped file. How one operator is translated: operators/<family>.cpp.
#pragma once

#include "frontends/onnx/model.h"
#include "interpreter/array.h"
#include "ir/node_list.h"

#include <set>

namespace tw::onnx {

struct ImportOptions {
  // Symbolic dimensions that are given a size; a name that the model does not have is a user error.
  std::map<std::string, int64_t> dims;
  // Inputs that are given a value, and are then inputs no more: axes, shapes and the like, where the compiler must know them.
  std::map<std::string, interpreter::Array> values;
  // Gains the names of inputs whose value would have been needed, where that is why an import fails.
  std::set<std::string>* wanted = nullptr;
};

Ref<Module> import_model(const Model& model, const ImportOptions& options = {});
// Reads and imports.
Ref<Module> load(const std::string& path, const ImportOptions& options = {});

// "Conv", "com.microsoft.FusedConv" …: all operators that can be imported, sorted.
std::vector<std::string> supported_operators();
// What of the model cannot be imported, as far as that is known before any work: one sentence for each thing; empty if all is well.
std::vector<std::string> unsupported_parts(const Model& model);

} // namespace tw::onnx

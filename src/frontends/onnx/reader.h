// SPDX-License-Identifier: Apache-2.0
// Reads an ONNX file. The file is mapped and its weights are not copied: tensors point into it and keep it mapped.
//
//   tw::onnx::Model model = tw::onnx::read_model("model.onnx");
//
// Every byte of the file is taken for hostile. What is wrong is a user error that names the place; no file outside the model's folder is
// opened, no size overflows, nothing recurses without bounds.
#pragma once

#include "frontends/onnx/model.h"

namespace tw::onnx {

Model read_model(const std::string& path);
// From memory that `owner` keeps alive; external data is refused, there being no folder. Without an owner the bytes are copied.
Model read_model(std::span<const std::byte> bytes, std::shared_ptr<const void> owner = {});

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Versions of ONNX that this reader knows.
#pragma once

#include "frontends/onnx/model.h"

namespace tw::onnx {

// Versions of ONNX's own operators (domain "") that the importer is written for.
inline constexpr int64_t oldest_opset = 6, newest_opset = 28;
// The newest version of the file format in the schema that this was built with.
int64_t newest_ir_version();

// Throws a user error without a version, an unsupported error if it is newer than the schema.
void check_ir_version(int64_t ir_version);
// Throws an unsupported error if the model's nodes were written for operators that are too old or too new. Not part of reading, so that
// such a model can still be shown.
void check_opset(const Model& model);

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/opset.h"

#include "base/diagnostics.h"

#include <onnx-ml.pb.h>

namespace tw::onnx {

int64_t newest_ir_version() { return ::onnx::IR_VERSION; }

void check_ir_version(int64_t ir_version) {
  if (ir_version < 1) {
    throw user_error("not an ONNX model: it has no version of the format (ir_version)")
        .hint("a file with a single tensor, as test data is, has none either");
  }
  if (ir_version > newest_ir_version()) {
    throw unsupported("the model has version {} of the ONNX format, but this build knows versions up to {}", ir_version,
                      newest_ir_version())
        .hint("build with a newer onnx Python package, or save the model for an older version");
  }
}

void check_opset(const Model& model) {
  auto found = model.opset_imports.find("");
  if (found == model.opset_imports.end()) return;
  if (found->second < oldest_opset) {
    throw unsupported("the model uses opset {}, expected {} or newer", found->second, oldest_opset)
        .hint(fmt::format("convert it with onnx.version_converter.convert_version(model, {})", oldest_opset));
  }
  if (found->second > newest_opset) {
    throw unsupported("the model uses opset {}, but this version knows opsets up to {}", found->second, newest_opset)
        .hint("export the model for an older opset");
  }
}

} // namespace tw::onnx

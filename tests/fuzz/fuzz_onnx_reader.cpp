// SPDX-License-Identifier: Apache-2.0
// The ONNX reader on any bytes: it returns a model that keeps what model.h promises, or throws tw::Error that is not an internal error.
#include "base/diagnostics.h"
#include "frontends/onnx/opset.h"
#include "frontends/onnx/reader.h"
#include "frontends/onnx/summary.h"
#include "frontends/onnx/tensor.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

// Touches every byte that the model claims to have, so that the address sanitizer sees a wrong claim.
void touch(const tw::onnx::Tensor& tensor) {
  unsigned sum = 0;
  for (std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
  volatile unsigned seen = sum;
  (void)seen;
  try {
    tw::onnx::int_values(tensor);
    tw::onnx::float_values(tensor);
  } catch (const tw::Error&) {}
}

void touch(const tw::onnx::Graph& graph) {
  for (const auto& tensor : graph.initializers) touch(tensor);
  for (const auto& node : graph.nodes)
    for (const auto& attribute : node.attributes) {
      if (auto* tensor = std::get_if<tw::onnx::Tensor>(&attribute.value)) touch(*tensor);
      if (auto* inner = std::get_if<std::shared_ptr<tw::onnx::Graph>>(&attribute.value)) touch(**inner);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    tw::onnx::Model model = tw::onnx::read_model(bytes);
    tw::onnx::summary(model);
    touch(model.graph);
    tw::onnx::check_opset(model);
  } catch (const tw::Error& error) {
    if (error.kind() == tw::ErrorKind::internal) {
      std::fprintf(stderr, "%s\n", error.what());
      std::abort();
    }
  }
  return 0;
}

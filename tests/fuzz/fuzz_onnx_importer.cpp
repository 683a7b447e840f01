// SPDX-License-Identifier: Apache-2.0
// From any bytes to a Module: what the reader lets through is imported, printed and typed, or refused with a tw::Error that is not an
// internal error.
#include "base/diagnostics.h"
#include "frontends/onnx/importer.h"
#include "frontends/onnx/reader.h"
#include "ir/text.h"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
    tw::Ref<tw::Module> module = tw::onnx::import_model(tw::onnx::read_model(bytes));
    tw::to_text(module);
  } catch (const tw::Error& error) {
    if (error.kind() == tw::ErrorKind::internal) {
      std::fprintf(stderr, "%s\n", error.what());
      std::abort();
    }
  }
  return 0;
}

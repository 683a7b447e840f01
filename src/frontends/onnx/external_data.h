// SPDX-License-Identifier: Apache-2.0
// Tensors whose bytes stand in a file beside the model. The model says which file and where in it; both are data from a stranger.
#pragma once

#include "base/mapped_file.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace tw::onnx {

struct ExternalLocation {
  std::string file;
  int64_t offset = 0;
  std::optional<int64_t> length;
};

class ExternalData {
public:
  // A model that was given as bytes has no folder, and its external data cannot be found.
  ExternalData() = default;
  // The folder of the model's path; if the path is a link, data files may also stand beside the file that it leads to.
  explicit ExternalData(const std::string& model_path);

  struct Bytes {
    std::span<const std::byte> bytes;
    std::shared_ptr<const MappedFile> owner;
  };
  // The `needed` bytes of a tensor; throws if the file is not allowed or missing, or if it does not have exactly these bytes.
  Bytes find(const ExternalLocation& location, int64_t needed);

private:
  bool has_folder_ = false;
  std::string folder_, real_folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

} // namespace tw::onnx

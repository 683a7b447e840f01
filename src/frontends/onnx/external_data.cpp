// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/external_data.h"

#include "base/checked.h"
#include "base/diagnostics.h"

#include <filesystem>

namespace tw::onnx {

ExternalData::ExternalData(const std::string& model_path) : has_folder_(true) {
  std::filesystem::path path(model_path);
  folder_ = path.has_parent_path() ? path.parent_path().string() : ".";
  std::error_code failure;
  std::filesystem::path real = std::filesystem::canonical(path, failure);
  if (!failure) real_folder_ = real.parent_path().string();
}

ExternalData::Bytes ExternalData::find(const ExternalLocation& location, int64_t needed) {
  if (!has_folder_) {
    throw user_error("the data stands in the file '{}', but the model was given as bytes and has no folder", location.file)
        .hint("load the model by its path, or save it with all data inside");
  }
  auto found = files_.find(location.file);
  if (found == files_.end()) {
    auto file = with_place("external data", [&] { return MappedFile::open_inside(folder_, location.file, real_folder_); });
    found = files_.emplace(location.file, std::move(file)).first;
  }
  const auto& file = found->second;
  auto size = static_cast<int64_t>(file->bytes().size());
  if (location.length && *location.length != needed) {
    throw user_error("the external data has a length of {} bytes, but the shape needs {}", *location.length, needed);
  }
  auto end = checked_add(location.offset, needed);
  if (location.offset < 0 || !end || *end > size) {
    throw user_error("the external data file '{}' has {} bytes, but {} bytes from offset {} are wanted", location.file, size, needed,
                     location.offset)
        .hint("the file is cut off or belongs to another model");
  }
  return {file->bytes().subspan(static_cast<size_t>(location.offset), static_cast<size_t>(needed)), file};
}

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/reader.h"

#include "base/diagnostics.h"
#include "frontends/onnx/check_graph.h"
#include "frontends/onnx/convert.h"
#include "frontends/onnx/opset.h"
#include "frontends/onnx/wire.h"

#include <onnx-ml.pb.h>

#include <limits>
#include <string_view>

namespace tw::onnx {
namespace {

// Files that people give by mistake, by the first bytes that tell them.
struct Format {
  size_t position;
  std::string_view magic;
  const char* name;
};
using namespace std::string_view_literals;
constexpr Format formats[] = {{0,
                               "\x7f"
                               "ELF"sv,
                               "a compiled library or module"},
                              {0, "PK\x03\x04"sv, "a zip archive, as PyTorch and Keras save models"},
                              {4, "TFL3"sv, "a TensorFlow Lite model"},
                              {0, "\x89HDF\r\n"sv, "an HDF5 file, as Keras saves models"},
                              {0, "\x1f\x8b"sv, "a gzip archive"},
                              {0, "version https://git-lfs"sv, "a pointer of Git LFS; the file itself was not fetched"}};

void refuse_other_formats(std::span<const std::byte> file) {
  if (file.empty()) throw user_error("the file is empty, expected an ONNX model");
  std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (const Format& format : formats)
    if (text.size() > format.position && text.substr(format.position).starts_with(format.magic)) {
      throw user_error("not an ONNX model, but {}", format.name);
    }
}

Model read(TensorSource source) {
  refuse_other_formats(source.file);
  ::onnx::ModelProto proto;
  {
    std::string small = without_raw_data(source.file);
    if (small.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
      throw unsupported("the model without its weights is larger than 2 GiB");
    if (!proto.ParseFromArray(small.data(), static_cast<int>(small.size()))) {
      throw user_error("not an ONNX model: its structure does not fit the ONNX schema").hint("the file is damaged or of another format");
    }
  }
  check_ir_version(proto.ir_version());
  if (!proto.has_graph()) throw user_error("the model has no graph");
  if (proto.opset_import_size() == 0 && proto.ir_version() >= 3) {
    throw user_error("the model does not say which operator versions it uses (opset_import is empty)");
  }
  Converted converted = convert(proto, source);
  proto.Clear();
  if (converted.model.opset_imports.empty())
    throw unsupported("the model is from before ONNX had operator versions (ir_version {})", converted.model.ir_version);
  inline_functions(converted.model, converted.functions);
  check_graph(converted.model);
  return std::move(converted.model);
}

} // namespace

Model read_model(const std::string& path) {
  return with_place(path, [&] {
    auto file = MappedFile::open(path);
    return read({file->bytes(), file, ExternalData(path)});
  });
}

Model read_model(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (!owner) {
    auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    bytes = *copy;
    owner = copy;
  }
  return with_place("the model given as bytes", [&] { return read({bytes, owner, {}}); });
}

} // namespace tw::onnx

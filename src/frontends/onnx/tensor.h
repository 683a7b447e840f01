// SPDX-License-Identifier: Apache-2.0
// Tensors in all of ONNX's encodings: raw bytes, one typed list for each group of element types, or a place in another file.
#pragma once

#include "frontends/onnx/external_data.h"
#include "frontends/onnx/model.h"

namespace onnx {
class TensorProto;
}

namespace tw::onnx {

// Where the tensors of one file have their bytes.
struct TensorSource {
  std::span<const std::byte> file;   // `segment` of a tensor is a range of it, see wire.h
  std::shared_ptr<const void> owner; // keeps `file` alive
  ExternalData external;
};

// `where` names the tensor in errors: "initializer 'w'", "attribute 'value'".
Tensor read_tensor(const ::onnx::TensorProto& proto, TensorSource& source, const std::string& where);

// The elements as numbers of another type, for the small tensors that attributes and shapes are made of. Throws a user error that names
// the tensor if it holds other elements (integers: int8 to int64, uint8 to uint32 and bool; floats: any float).
std::vector<int64_t> int_values(const Tensor& tensor);
std::vector<double> float_values(const Tensor& tensor);

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Takes the weights out of a serialized ModelProto before protobuf parses it.
//
// protobuf copies every `raw_data` into memory of its own. Weights are nearly all of a model file, so this walks the wire format once
// (fields are a tag, then a number, some bytes, or a length and as many bytes) and copies all but them. In the copy a tensor's `segment`
// field tells where its raw data stands in the file. The format reserves that field for tensors in pieces, which no tool writes; a file
// that has it already is refused.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace tw::onnx {

enum class WireMessage { model, graph, node, attribute, function, tensor };

// The serialized message without raw data. Throws a user error if the bytes are not a message of the wire format, or nest too deeply.
std::string without_raw_data(std::span<const std::byte> file, WireMessage kind = WireMessage::model);

} // namespace tw::onnx

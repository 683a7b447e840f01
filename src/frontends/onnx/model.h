// SPDX-License-Identifier: Apache-2.0
// An ONNX model as plain structures: what the file says, checked, with functions inlined and nodes in order, but not yet interpreted.
//
// What holds for every Model that read_model returns:
// - each name is defined once in its graph, before the nodes that read it; a subgraph may also read the names of the graphs around it;
//   an empty input or output name means that an optional value is left out;
// - tensors have as many bytes as their shape needs; no dimension is negative and no size overflows;
// - no node calls a model-local function, and no attribute refers to an attribute of a function;
// - names are valid UTF-8.
#pragma once

#include "frontends/onnx/element_type.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace tw::onnx {

// A size, or a name for an unknown one (equal names are equal sizes), or nothing.
struct Dimension {
  std::optional<int64_t> size;
  std::string name;
  bool operator==(const Dimension&) const = default;
};

struct ValueType {
  enum class Kind { unknown, tensor, sparse_tensor, sequence, optional, map, opaque };
  Kind kind = Kind::unknown;
  ElementType element = ElementType::undefined; // of a tensor; of a map's keys
  std::optional<std::vector<Dimension>> shape;  // of a tensor; nothing if not even the rank is known
  std::shared_ptr<const ValueType> inner;       // of a sequence, an optional, a map's values
};
// "float32[batch, 3, ?]", "sequence(int64[])".
std::string to_string(const ValueType& type);

struct Value {
  std::string name;
  ValueType type;
};

// Little-endian, row-major elements; types below 8 bits are packed, lowest bits first. `bytes` may point into the mapped model or data
// file and is then not aligned; `owner` keeps it alive.
struct Tensor {
  std::string name;
  ElementType element = ElementType::undefined;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;

  int64_t element_count() const;
  // Throws an unsupported error that names the tensor, for string and other types that the compiler does not have.
  DType dtype() const;
};

struct Graph;
struct Attribute {
  std::string name;
  // Subgraphs are shared between copies of a node and not changed after reading.
  using Value =
      std::variant<float, int64_t, std::string, Tensor, std::shared_ptr<Graph>, ValueType, std::vector<float>, std::vector<int64_t>,
                   std::vector<std::string>, std::vector<Tensor>, std::vector<std::shared_ptr<Graph>>, std::vector<ValueType>>;
  Value value;
  // Inside a function that is not yet inlined: the attribute of the call that gives the value.
  std::string reference;
};
// "an int", "a list of floats": what the attribute holds.
std::string kind_name(const Attribute::Value& value);

struct Node {
  std::string name;
  std::string op_type;
  std::string domain;   // "" is ONNX's own; "ai.onnx" is read as ""
  std::string overload; // of a model-local function
  int64_t opset = 0;    // the version of the domain's operators that this node was written for
  std::vector<std::string> inputs, outputs;
  std::vector<Attribute> attributes;
};
// "node 'Conv_0' (Conv)": how errors name a node; one without a name is named by its first output.
std::string describe(const Node& node);

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  // Without those that have an initializer: these were a way of writing constants, and are in value_infos.
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::vector<Value> value_infos; // types of values inside, as far as the file tells
  std::vector<Tensor> initializers;
};

struct Model {
  int64_t ir_version = 0;
  std::map<std::string, int64_t> opset_imports; // domain to version
  std::string producer_name, producer_version, domain, description;
  int64_t model_version = 0;
  std::map<std::string, std::string> metadata;
  Graph graph;
};

} // namespace tw::onnx

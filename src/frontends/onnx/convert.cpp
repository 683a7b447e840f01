// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/convert.h"

#include "base/checked.h"
#include "base/diagnostics.h"
#include "frontends/onnx/utf8.h"

#include <onnx-ml.pb.h>

namespace tw::onnx {
namespace {

using OpsetImports = std::map<std::string, int64_t>;

std::string checked_name(const std::string& text, const char* what) {
  if (!is_utf8(text)) throw user_error("{} is not valid UTF-8: '{}'", what, escaped(text));
  return text;
}

template <class Strings> std::vector<std::string> checked_names(const Strings& strings, const char* what) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(strings.size()));
  for (const auto& text : strings) names.push_back(checked_name(text, what));
  return names;
}

std::string checked_domain(const std::string& text) {
  std::string domain = checked_name(text, "a domain");
  return domain == "ai.onnx" ? "" : domain;
}

class Converter {
public:
  Converter(TensorSource& source, OpsetImports imports) : source_(source), imports_(std::move(imports)) {}

  Graph graph(const ::onnx::GraphProto& proto);
  Node node(const ::onnx::NodeProto& proto);
  Attribute attribute(const ::onnx::AttributeProto& proto);
  ValueType value_type(const ::onnx::TypeProto& proto, bool hint_only);
  Value value(const ::onnx::ValueInfoProto& proto, const char* what, bool hint_only);

private:
  Attribute::Value attribute_value(const ::onnx::AttributeProto& proto, int type);
  std::vector<Dimension> shape(const ::onnx::TensorShapeProto& proto, bool hint_only);
  std::shared_ptr<const ValueType> inner(const ::onnx::TypeProto& proto, bool hint_only) {
    return std::make_shared<const ValueType>(value_type(proto, hint_only));
  }
  std::shared_ptr<Graph> shared_graph(const ::onnx::GraphProto& proto) { return std::make_shared<Graph>(graph(proto)); }

  TensorSource& source_;
  OpsetImports imports_;
};

// Some tools write -1 for an unknown size. Sizes that are only hints (value_info) may be any nonsense.
std::vector<Dimension> Converter::shape(const ::onnx::TensorShapeProto& proto, bool hint_only) {
  std::vector<Dimension> dimensions;
  std::vector<int64_t> sizes;
  for (const auto& dimension : proto.dim()) {
    Dimension& added = dimensions.emplace_back();
    if (dimension.has_dim_value()) {
      if (dimension.dim_value() < 0) {
        if (hint_only || dimension.dim_value() == -1) continue;
        throw user_error("dimension {} is {}, expected a size, or -1 for an unknown one", dimensions.size() - 1, dimension.dim_value())
            .hint("write a dimension of unknown size as a name (dim_param)");
      }
      added.size = dimension.dim_value();
      sizes.push_back(dimension.dim_value());
    } else if (dimension.has_dim_param()) {
      added.name = checked_name(dimension.dim_param(), "a dimension's name");
    }
  }
  if (!hint_only && !checked_product(sizes))
    throw user_error("the shape [{}] is too large: the product of its sizes overflows", fmt::join(sizes, ", "));
  return dimensions;
}

ValueType Converter::value_type(const ::onnx::TypeProto& proto, bool hint_only) {
  using Kind = ValueType::Kind;
  ValueType type;
  auto tensor_like = [&](Kind kind, const auto& tensor) {
    type.kind = kind;
    type.element = static_cast<ElementType>(tensor.elem_type());
    if (tensor.elem_type() != 0 && !is_known(type.element) && !hint_only) {
      throw unsupported("element type {} is not known to this version", tensor.elem_type());
    }
    if (tensor.has_shape()) type.shape = shape(tensor.shape(), hint_only);
  };
  switch (proto.value_case()) {
  case ::onnx::TypeProto::kTensorType: tensor_like(Kind::tensor, proto.tensor_type()); break;
  case ::onnx::TypeProto::kSparseTensorType: tensor_like(Kind::sparse_tensor, proto.sparse_tensor_type()); break;
  case ::onnx::TypeProto::kSequenceType:
    type.kind = Kind::sequence;
    type.inner = inner(proto.sequence_type().elem_type(), hint_only);
    break;
  case ::onnx::TypeProto::kOptionalType:
    type.kind = Kind::optional;
    type.inner = inner(proto.optional_type().elem_type(), hint_only);
    break;
  case ::onnx::TypeProto::kMapType:
    type.kind = Kind::map;
    type.element = static_cast<ElementType>(proto.map_type().key_type());
    type.inner = inner(proto.map_type().value_type(), hint_only);
    break;
  case ::onnx::TypeProto::kOpaqueType: type.kind = Kind::opaque; break;
  case ::onnx::TypeProto::VALUE_NOT_SET: break;
  }
  return type;
}

Value Converter::value(const ::onnx::ValueInfoProto& proto, const char* what, bool hint_only) {
  std::string name = checked_name(proto.name(), "a value's name");
  return with_place(fmt::format("{} '{}'", what, name), [&] { return Value{name, value_type(proto.type(), hint_only)}; });
}

// Files from before the attribute's type was written: the field that is set tells it.
int guessed_type(const ::onnx::AttributeProto& proto) {
  using P = ::onnx::AttributeProto;
  if (proto.has_f()) return P::FLOAT;
  if (proto.has_i()) return P::INT;
  if (proto.has_s()) return P::STRING;
  if (proto.has_t()) return P::TENSOR;
  if (proto.has_g()) return P::GRAPH;
  if (proto.has_tp()) return P::TYPE_PROTO;
  if (proto.floats_size() > 0) return P::FLOATS;
  if (proto.ints_size() > 0) return P::INTS;
  if (proto.strings_size() > 0) return P::STRINGS;
  if (proto.tensors_size() > 0) return P::TENSORS;
  if (proto.graphs_size() > 0) return P::GRAPHS;
  return P::UNDEFINED;
}

Attribute::Value Converter::attribute_value(const ::onnx::AttributeProto& proto, int type) {
  using P = ::onnx::AttributeProto;
  auto tensor = [&](const ::onnx::TensorProto& t) { return read_tensor(t, source_, "the attribute's tensor"); };
  switch (type) {
  case P::FLOAT: return proto.f();
  case P::INT: return proto.i();
  case P::STRING: return proto.s();
  case P::TENSOR: return tensor(proto.t());
  case P::GRAPH: return shared_graph(proto.g());
  case P::TYPE_PROTO: return value_type(proto.tp(), false);
  case P::FLOATS: return std::vector<float>(proto.floats().begin(), proto.floats().end());
  case P::INTS: return std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
  case P::STRINGS: return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
  case P::TENSORS: {
    std::vector<Tensor> tensors;
    for (const auto& t : proto.tensors()) tensors.push_back(tensor(t));
    return tensors;
  }
  case P::GRAPHS: {
    std::vector<std::shared_ptr<Graph>> graphs;
    for (const auto& g : proto.graphs()) graphs.push_back(shared_graph(g));
    return graphs;
  }
  case P::TYPE_PROTOS: {
    std::vector<ValueType> types;
    for (const auto& t : proto.type_protos()) types.push_back(value_type(t, false));
    return types;
  }
  case P::SPARSE_TENSOR:
  case P::SPARSE_TENSORS: throw unsupported("the attribute holds a sparse tensor").hint("save the model with dense tensors");
  case P::UNDEFINED: throw user_error("the attribute has neither a type nor a value that is known");
  default: throw user_error("the attribute has the unknown type {}", type);
  }
}

Attribute Converter::attribute(const ::onnx::AttributeProto& proto) {
  Attribute attribute{.name = checked_name(proto.name(), "an attribute's name")};
  return with_place(fmt::format("attribute '{}'", attribute.name), [&] {
    attribute.reference = checked_name(proto.ref_attr_name(), "an attribute's reference");
    // The value of a reference is the caller's; its type here is only a promise.
    if (attribute.reference.empty()) {
      // proto2 keeps numbers that are not in the enumeration apart from the field, which then seems not to be set.
      int type = proto.has_type() ? proto.type() : guessed_type(proto);
      attribute.value = attribute_value(proto, type);
    }
    return std::move(attribute);
  });
}

Node Converter::node(const ::onnx::NodeProto& proto) {
  Node node;
  node.name = checked_name(proto.name(), "a node's name");
  node.op_type = checked_name(proto.op_type(), "an operator's name");
  node.domain = checked_domain(proto.domain());
  node.overload = checked_name(proto.overload(), "an overload's name");
  node.inputs = checked_names(proto.input(), "an input's name");
  node.outputs = checked_names(proto.output(), "an output's name");
  if (auto found = imports_.find(node.domain); found != imports_.end()) node.opset = found->second;
  return with_place(describe(node), [&] {
    if (node.op_type.empty()) throw user_error("the node has no operator");
    for (const auto& attribute_proto : proto.attribute()) {
      Attribute added = attribute(attribute_proto);
      for (const Attribute& other : node.attributes)
        if (other.name == added.name) throw user_error("the node has two attributes '{}'", added.name);
      node.attributes.push_back(std::move(added));
    }
    return std::move(node);
  });
}

Graph Converter::graph(const ::onnx::GraphProto& proto) {
  Graph graph;
  graph.name = checked_name(proto.name(), "a graph's name");
  if (proto.sparse_initializer_size() > 0) {
    throw unsupported("the initializer '{}' is sparse", escaped(proto.sparse_initializer(0).values().name()))
        .hint("save the model with dense initializers");
  }
  graph.nodes.reserve(static_cast<size_t>(proto.node_size()));
  for (const auto& node_proto : proto.node()) graph.nodes.push_back(node(node_proto));
  for (const auto& input : proto.input()) graph.inputs.push_back(value(input, "input", false));
  for (const auto& output : proto.output()) graph.outputs.push_back(value(output, "output", false));
  for (const auto& info : proto.value_info()) graph.value_infos.push_back(value(info, "value", true));
  graph.initializers.reserve(static_cast<size_t>(proto.initializer_size()));
  for (const auto& tensor : proto.initializer()) {
    std::string name = checked_name(tensor.name(), "an initializer's name");
    graph.initializers.push_back(read_tensor(tensor, source_, fmt::format("initializer '{}'", name)));
  }
  return graph;
}

template <class Protos> OpsetImports opset_imports(const Protos& protos) {
  OpsetImports imports;
  for (const auto& proto : protos) {
    std::string domain = checked_domain(proto.domain());
    if (proto.version() < 1) throw user_error("the opset of domain '{}' has version {}, expected 1 or more", domain, proto.version());
    imports[domain] = std::max(imports[domain], int64_t{proto.version()});
  }
  return imports;
}

Function convert_function(const ::onnx::FunctionProto& proto, TensorSource& source, const OpsetImports& model_imports) {
  Function function;
  function.name = checked_name(proto.name(), "a function's name");
  function.domain = checked_domain(proto.domain());
  function.overload = checked_name(proto.overload(), "an overload's name");
  return with_place(describe(function), [&] {
    OpsetImports imports = opset_imports(proto.opset_import());
    imports.insert(model_imports.begin(), model_imports.end()); // the function's own come first
    Converter converter(source, std::move(imports));
    function.inputs = checked_names(proto.input(), "an input's name");
    function.outputs = checked_names(proto.output(), "an output's name");
    function.attributes = checked_names(proto.attribute(), "an attribute's name");
    for (const auto& attribute : proto.attribute_proto()) function.attribute_defaults.push_back(converter.attribute(attribute));
    for (const auto& node : proto.node()) function.nodes.push_back(converter.node(node));
    return std::move(function);
  });
}

} // namespace

Converted convert(const ::onnx::ModelProto& proto, TensorSource& source) {
  Converted result;
  Model& model = result.model;
  model.ir_version = proto.ir_version();
  model.producer_name = escaped(proto.producer_name());
  model.producer_version = escaped(proto.producer_version());
  model.domain = escaped(proto.domain());
  model.description = escaped(proto.doc_string());
  model.model_version = proto.model_version();
  for (const auto& entry : proto.metadata_props()) model.metadata[escaped(entry.key())] = escaped(entry.value());
  model.opset_imports = opset_imports(proto.opset_import());
  model.graph = Converter(source, model.opset_imports).graph(proto.graph());
  for (const auto& function : proto.functions()) result.functions.push_back(convert_function(function, source, model.opset_imports));
  return result;
}

} // namespace tw::onnx

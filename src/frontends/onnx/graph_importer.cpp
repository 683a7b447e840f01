// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/graph_importer.h"

#include "frontends/onnx/operators/operators.h"
#include "frontends/onnx/opset.h"
#include "ops/sizes.h"

#include <algorithm>
#include <set>

namespace tw::onnx {

namespace {
constexpr int deepest_graph = 64;
// Constants up to this size are copied to an aligned place; larger ones stay where they are in the file.
constexpr size_t small_constant = 4096;
} // namespace

Ref<Constant> to_constant(const Tensor& tensor, const std::string& name) {
  DType type = tensor.dtype();
  bool aligned = reinterpret_cast<uintptr_t>(tensor.bytes.data()) % static_cast<size_t>(type.bytes()) == 0;
  Blob blob = !tensor.owner || (!aligned && tensor.bytes.size() <= small_constant)
                  ? Blob(std::vector<std::byte>(tensor.bytes.begin(), tensor.bytes.end()))
                  : Blob(tensor.bytes, tensor.owner);
  return make(Constant{.type = tensor_type(shape_of(tensor.shape), type), .data = std::move(blob), .id = name});
}

Ref<Operand> Names::get(const std::string& name) const {
  for (const Names* scope = this; scope; scope = scope->outer_)
    if (auto found = scope->values_.find(name); found != scope->values_.end()) return found->second;
  throw user_error("nothing defines the value '{}'", name);
}

const ValueType* Names::declared(const std::string& name) const {
  auto found = declared_.find(name);
  return found == declared_.end() ? nullptr : found->second;
}

GraphImporter::GraphImporter(const Model& model, const ImportOptions& options) : model_(model), options_(options) {
  for (const auto& [name, size] : options.dims) {
    if (size < 0) throw user_error("the dimension '{}' is given the size {}, expected 0 or more", name, size);
    unused_options_.push_back(name);
  }
}

// A named dimension is the same wherever the name stands. Any may be empty.
Ref<Expr> GraphImporter::input_size(const Value& input, size_t axis) {
  const Dimension& d = (*input.type.shape)[axis];
  if (d.size) return imm(*d.size);
  std::string name = d.name.empty() ? fmt::format("{}_{}", input.name, axis) : d.name;
  if (auto given = options_.dims.find(name); given != options_.dims.end()) {
    std::erase(unused_options_, name);
    return imm(given->second);
  }
  auto found = dims_.find(name);
  if (found != dims_.end()) return found->second;
  Ref<Var> v = dim(name, 0);
  dims_.emplace(name, v);
  dim_order_.push_back(v);
  return v;
}

Ref<tw::Value> GraphImporter::parameter(const Value& input) {
  return with_place(fmt::format("input '{}'", input.name), [&] {
    if (input.type.kind != ValueType::Kind::tensor || !input.type.shape) throw unsupported("its type is {}", to_string(input.type));
    std::vector<Ref<Expr>> shape;
    for (size_t axis = 0; axis < input.type.shape->size(); ++axis) shape.push_back(input_size(input, axis));
    DType type = dtype_of(input.type.element, fmt::format("input '{}'", input.name));
    return make(tw::Value{.id = input.name, .type = tensor_type(Shape(std::move(shape)), type)});
  });
}

Ref<Operand> GraphImporter::given_value(const Value& input, const interpreter::Array& value) {
  return with_place(fmt::format("input '{}'", input.name), [&] {
    DType type = dtype_of(input.type.element, fmt::format("input '{}'", input.name));
    const auto& shape = input.type.shape;
    bool fits = value.dtype == type && (!shape || shape->size() == value.shape.size());
    for (size_t d = 0; fits && shape && d < shape->size(); ++d) fits = !(*shape)[d].size || *(*shape)[d].size == value.shape[d];
    if (!fits)
      throw user_error("expected a value of {}, found {}[{}]", to_string(input.type), tw::to_string(value.dtype),
                       fmt::join(value.shape, ", "));
    return value.constant(input.name);
  });
}

void GraphImporter::declare_initializers(const Graph& graph, Names& names) {
  for (const Value& value : graph.value_infos) names.declare(value);
  for (const Value& value : graph.outputs) names.declare(value);
  for (const Tensor& tensor : graph.initializers)
    names.set(tensor.name, with_place(fmt::format("initializer '{}'", tensor.name), [&] { return to_constant(tensor, tensor.name); }));
}

std::vector<std::string> GraphImporter::inputs_of(const BodyBuilder& body, const Ref<Operand>& operand) {
  std::vector<std::string> names;
  for (const tw::Node* source : body.sources(operand))
    if (auto found = parameters_.find(source); found != parameters_.end()) names.push_back(found->second);
  std::sort(names.begin(), names.end());
  if (options_.wanted) options_.wanted->insert(names.begin(), names.end());
  return names;
}

Ref<Module> GraphImporter::run() {
  const Graph& graph = model_.graph;
  Names names;
  BodyBuilder body;
  declare_initializers(graph, names);
  std::vector<Ref<tw::Value>> parameters;
  std::vector<Name> inputs, outputs;
  for (const auto& [name, value] : options_.values)
    if (std::none_of(graph.inputs.begin(), graph.inputs.end(), [&, n = name](const Value& input) { return input.name == n; }))
      throw user_error("the model has no input '{}' to give a value", name);
  for (const Value& input : graph.inputs) {
    if (auto given = options_.values.find(input.name); given != options_.values.end()) {
      names.set(input.name, given_value(input, given->second));
      continue;
    }
    parameters.push_back(parameter(input));
    parameters_.emplace(parameters.back().node(), input.name);
    names.set(input.name, parameters.back());
    inputs.push_back(input.name);
  }
  if (!unused_options_.empty()) {
    std::vector<std::string> known;
    for (const auto& [name, v] : dims_) known.push_back(name);
    throw user_error("the model has no symbolic dimension '{}'", unused_options_[0])
        .hint(known.empty() ? "all sizes of its inputs are fixed" : fmt::format("it has {}", fmt::join(known, ", ")));
  }
  Results results = nodes(graph, names, body);
  for (const Value& output : graph.outputs) outputs.push_back(output.name);
  Ref<Body> main = make(Body{.params = parameters, .bindings = body.bindings(), .results = results});
  auto attribute = [](const char* name, Attr::Value value) { return make(Attr{.name = name, .value = std::move(value)}); };
  Ref<Function> function = make(Function{.id = "main",
                                         .dims = dim_order_,
                                         .body = main,
                                         .attrs = {attribute("inputs", List<Name>(inputs)), attribute("outputs", List<Name>(outputs))}});
  return make(Module{.functions = {function}, .attrs = {attribute("stage", Name("imported"))}});
}

Results GraphImporter::subgraph(const Graph& graph, const std::vector<Ref<Operand>>& arguments, BodyBuilder& body) {
  if (depth_ >= deepest_graph) throw unsupported("graphs are nested more than {} deep", deepest_graph);
  if (arguments.size() != graph.inputs.size())
    throw user_error("the graph '{}' must have {} inputs, found {}", graph.name, arguments.size(), graph.inputs.size());
  const Names* outer = names_;
  Names names(outer);
  declare_initializers(graph, names);
  for (size_t i = 0; i < arguments.size(); ++i) names.set(graph.inputs[i].name, arguments[i]);
  ++depth_;
  Results results = nodes(graph, names, body);
  --depth_;
  names_ = outer;
  return results;
}

Results GraphImporter::nodes(const Graph& graph, Names& names, BodyBuilder& body) {
  names_ = &names;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    node(graph.nodes[i], i, names, body);
    names_ = &names;
  }
  Results results;
  for (const Value& output : graph.outputs) results.push_back(names.get(output.name));
  return results;
}

void GraphImporter::node(const Node& node, size_t index, Names& names, BodyBuilder& body) {
  std::string text = node.name.empty() ? fmt::format("{}_{}", node.op_type, index) : node.name;
  OriginScope origin(make(Origin{.kind = OriginKind::model, .text = text}));
  with_place(describe(node), [&] {
    const OperatorRow* row = find_operator(node.domain, node.op_type);
    if (!row) throw unsupported("operator {} is not supported", node.op_type);
    std::vector<Opt<Operand>> inputs;
    for (const auto& name : node.inputs) inputs.push_back(name.empty() ? Opt<Operand>() : Opt<Operand>(names.get(name)));
    NodeContext context(node, std::move(inputs), body, *this);
    Results results = row->translate(context);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const std::string& name = node.outputs[i];
      if (name.empty()) continue;
      if (i >= results.size()) throw unsupported("output {} ('{}') is not supported", i, name);
      check_declared(node, name, results[i], names);
      names.set(name, results[i]);
    }
  });
}

const ValueType* GraphImporter::declared_output(const Node& node, size_t i) const {
  return i < node.outputs.size() && names_ ? names_->declared(node.outputs[i]) : nullptr;
}

// What was inferred counts; but if it cannot agree with what the model says, one of both is wrong, and the user should know.
void GraphImporter::check_declared(const Node&, const std::string& name, const Ref<Operand>& value, const Names& names) {
  const ValueType* declared = names.declared(name);
  if (!declared || declared->kind != ValueType::Kind::tensor) return;
  Ref<TensorType> type = NodeContext::type(value);
  auto wrong = [&](const std::string& found) {
    throw user_error("the model declares '{}' as {}, but it is {}", name, to_string(*declared), found)
        .hint("infer the model's shapes anew, or remove its value_info");
  };
  std::string found = fmt::format("{}{}", tw::to_string(type->element), ops::to_string(type->shape));
  auto element = find_dtype(declared->element);
  if (declared->element != ElementType::undefined && element != type->element) wrong(found);
  if (!declared->shape) return;
  if (declared->shape->size() != type->shape.size()) wrong(found);
  for (size_t d = 0; d < type->shape.size(); ++d) {
    const auto& size = (*declared->shape)[d].size;
    if (size && ops::surely_different(imm(*size), type->shape[d])) wrong(found);
  }
}

} // namespace tw::onnx

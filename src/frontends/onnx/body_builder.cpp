// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/body_builder.h"

#include "interpreter/interpret.h"
#include "ops/element.h"

#include <algorithm>

namespace tw::onnx {

namespace {
// Chains of shape arithmetic are short; a longer one is taken for unknown, so that no model can exhaust the stack.
constexpr int deepest_chain = 200;
// Tensors that are read as sizes or evaluated here: shapes, indices, scales.
constexpr int64_t most_sizes = 64, most_values = 4096;

std::optional<int64_t> small_count(const Ref<Operand>& operand, int64_t limit) {
  const auto* type = as<TensorType>(type_of(operand.node()));
  auto sizes = type ? ops::small_shape(type->shape) : std::nullopt;
  if (!sizes) return {};
  int64_t count = 1;
  for (int64_t s : *sizes) count *= s;
  return count <= limit ? std::optional(count) : std::nullopt;
}

size_t index_of(const Binding& binding, const Ref<Operand>& value) {
  size_t i = 0;
  while (i < binding.values.size() && !binding.values[i].same_as(value)) ++i;
  return i;
}

// The array, if every element is a literal.
std::optional<interpreter::Array> literal_array(const ops::Contents& contents, DType type) {
  auto shape = static_shape(contents.shape);
  if (!shape) return {};
  std::vector<std::byte> bytes(contents.elements.size() * static_cast<size_t>(type.bytes()));
  std::byte* at = bytes.data();
  for (const auto& e : contents.elements) {
    auto number = as_int(e);
    if (!number) return {};
    ops::write_int(at, type, *number);
    at += type.bytes();
  }
  return interpreter::Array{type, *shape, Blob(std::move(bytes))};
}
} // namespace

void BodyBuilder::emit(const Ref<Binding>& binding) {
  ops::GraphBuilder::emit(binding);
  for (const auto& d : binding->dims) dims_.push_back(d);
  for (const auto& value : binding->values) producers_.emplace(value.node(), binding);
}

const Binding* BodyBuilder::producer(const tw::Node* value) const {
  for (const BodyBuilder* body = this; body; body = body->outer_)
    if (auto found = body->producers_.find(value); found != body->producers_.end()) return found->second.get();
  return nullptr;
}

const ops::Contents* BodyBuilder::known(const tw::Node* value) const {
  for (const BodyBuilder* body = this; body; body = body->outer_)
    if (auto found = body->known_.find(value); found != body->known_.end()) return &found->second;
  return nullptr;
}

std::optional<ops::Contents> BodyBuilder::contents(const Ref<Operand>& operand) { return find(operand, {}, 0); }
std::optional<ops::Contents> BodyBuilder::sizes(const Ref<Operand>& operand, int64_t min) { return find(operand, min, 0); }

std::optional<ops::Contents> BodyBuilder::find(const Ref<Operand>& operand, Least least, int depth) {
  if (const auto* constant = as<Constant>(operand))
    return small_count(operand, ops::most_contents) ? ops::contents_of(*constant) : std::nullopt;
  if (const auto* found = known(operand.node())) return *found;
  const auto* type = as<TensorType>(type_of(operand.node()));
  if (!type || type->element.is_float() || depth > deepest_chain || !small_count(operand, ops::most_contents)) return {};
  std::optional<ops::Contents> result;
  const Binding* from = producer(operand.node());
  if (const auto* call = from ? as<OpCall>(from->operation) : nullptr) {
    result = fold(*call, index_of(*from, operand), least, depth);
    if (!result)
      if (auto value = evaluate(operand, depth)) result = ops::contents_of(*value->constant().get());
  }
  if (!result && least && type->element.is_int() && type->element.bits >= 32 && type->element.is_signed()) {
    auto count = small_count(operand, most_sizes);
    if (count && *count > 0) {
      result.emplace(ops::Contents{.shape = type->shape, .elements = {}});
      for (const auto& d : read(operand, *least)) result->elements.push_back(cast(type->element, d));
    }
  }
  if (result) known_.insert_or_assign(operand.node(), *result);
  return result;
}

// The contents of a call's result from those of its arguments.
std::optional<ops::Contents> BodyBuilder::fold(const OpCall& call, size_t result, Least least, int depth) {
  const ops::OpDef& op = ops::get(call.op);
  if (!op.fold) return {};
  // A size stays one when it is moved; a number that is computed with need not be one.
  if (least && op.fusion != ops::Fusion::injective && call.op != "identity" && call.op != "cast")
    least = std::numeric_limits<int64_t>::min();
  std::vector<std::optional<ops::Contents>> held(call.args.size());
  std::vector<const ops::Contents*> inputs(call.args.size(), nullptr);
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (!call.args[i]) continue;
    held[i] = find(as_ref<Operand>(call.args[i]), least, depth + 1);
    if (held[i]) inputs[i] = &*held[i];
  }
  auto results = ops::fold_call(call, inputs);
  if (!results || result >= results->size()) return {};
  return std::move((*results)[result]);
}

std::vector<Ref<Var>> BodyBuilder::read(const Ref<Operand>& operand, int64_t min, int64_t max) {
  Ref<TensorType> type = tensor_of(operand);
  auto count = small_count(operand, most_sizes);
  TW_CHECK(count);
  Ref<Operand> tensor = operand;
  if (type->element != i64) tensor = apply("cast", {tensor}, {{"to", i64}});
  if (type->shape.size() > 1) tensor = apply("reshape", {tensor}, {{"shape", List<Ref<Expr>>{imm(*count)}}});
  std::vector<Ref<Var>> read;
  for (int64_t i = 0; i < *count; ++i) read.push_back(dim(unique("size"), min, max));
  emit(make(Binding{.values = {}, .operation = make(OpCall{.op = "read_sizes", .args = {tensor}}), .dims = read}));
  return read;
}

void BodyBuilder::assume(const Ref<Expr>& condition, const std::string& text) {
  auto attribute = [](const char* name, Attr::Value value) { return make(Attr{.name = name, .value = std::move(value)}); };
  emit(make(Binding{
      .operation = make(OpCall{.op = "assume", .attrs = {attribute("condition", Opt<Expr>(condition)), attribute("text", Name(text))}})}));
}

std::optional<interpreter::Array> BodyBuilder::constant_value(const Ref<Operand>& operand) { return evaluate(operand, 0); }

std::optional<interpreter::Array> BodyBuilder::evaluate(const Ref<Operand>& operand, int depth) {
  if (depth > deepest_chain || !small_count(operand, most_values)) return {};
  if (const auto* constant = as<Constant>(operand)) return interpreter::Array::of(*constant);
  for (const BodyBuilder* body = this; body; body = body->outer_)
    if (auto found = body->values_.find(operand.node()); found != body->values_.end()) return found->second;
  const Binding* from = producer(operand.node());
  const auto* call = from ? as<OpCall>(from->operation) : nullptr;
  if (!call || ops::get(call->op).effect) return {};
  // A call that folds to literals needs no values of its arguments: the shape of a large tensor is one.
  std::vector<interpreter::Array> inputs;
  for (const auto& arg : call->args) {
    if (!arg) continue;
    auto value = evaluate(as_ref<Operand>(arg), depth + 1);
    if (!value) {
      auto folded = tensor_of(operand)->element.is_float() ? std::nullopt : fold(*call, index_of(*from, operand), {}, depth + 1);
      if (!folded) return {};
      return literal_array(*folded, tensor_of(operand)->element);
    }
    inputs.push_back(std::move(*value));
  }
  for (const auto& attr : call->attrs) {
    const auto* list = std::get_if<List<Ref<Expr>>>(&attr->value);
    if (list && !static_shape(*list)) return {};
    const auto* one = std::get_if<Opt<Expr>>(&attr->value);
    if (one && *one && !as_int(*one)) return {};
  }
  auto results = interpreter::interpret_call(*call, inputs);
  auto result = results.at(index_of(*from, operand));
  values_.insert_or_assign(operand.node(), result);
  return result;
}

std::set<const tw::Node*> BodyBuilder::sources(const Ref<Operand>& operand) const {
  std::set<const tw::Node*> seen, found;
  std::vector<const tw::Node*> work{operand.node()};
  while (!work.empty()) {
    const tw::Node* at = work.back();
    work.pop_back();
    if (!seen.insert(at).second || !as<tw::Value>(at)) continue;
    const Binding* from = producer(at);
    if (!from) found.insert(at);
    const auto* call = from ? as<OpCall>(from->operation) : nullptr;
    if (!call || call->op == "shape_of" || call->op == "size_of") continue;
    for (const auto& arg : call->args)
      if (arg) work.push_back(arg.node());
  }
  return found;
}

std::vector<Ref<tw::Value>> BodyBuilder::apply_all(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes) {
  const ops::OpDef& definition = ops::get(op);
  std::vector<Ref<Attr>> attrs;
  for (const auto& [name, value] : attributes) {
    bool is_default = std::any_of(definition.attributes.begin(), definition.attributes.end(), [&, n = name, &v = value](const auto& spec) {
      return spec.name == n && ops::same_value(spec.default_value, v);
    });
    if (!is_default) attrs.push_back(make(Attr{.name = name, .value = value}));
  }
  std::sort(attrs.begin(), attrs.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return call_all(op, std::move(args), std::move(attrs));
}

Ref<tw::Value> BodyBuilder::apply(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes) {
  auto values = apply_all(op, std::move(args), attributes);
  if (values.size() != 1) throw internal_error("operator '{}' gives {} results where one is wanted", op.str(), values.size());
  return values[0];
}

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Building graph bodies: each call is typed as it is made, each value gets a name of its own.
#include "ops/element.h"
#include "ops/op.h"

#include <algorithm>

namespace tw::ops {

std::string GraphBuilder::unique(const std::string& id) {
  int& count = names_[id];
  return count++ == 0 ? id : unique(fmt::format("{}_{}", id, count - 1));
}

std::vector<Ref<Value>> GraphBuilder::call_all(Name op, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs) {
  while (!args.empty() && !args.back()) args.pop_back();
  // One form for equal calls, however they were written.
  for (auto& attr : attrs) {
    Attr::Value value = canonical(attr->value);
    if (value.index() != attr->value.index()) attr = make(Attr{.name = attr->name, .value = std::move(value)});
  }
  std::sort(attrs.begin(), attrs.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  Ref<OpCall> call = make(OpCall{.op = op, .args = std::move(args), .attrs = std::move(attrs)});
  std::vector<Ref<Value>> values;
  for (const auto& type : infer_types(*call.get())) values.push_back(make(Value{.id = unique(op.str()), .type = type}));
  emit(make(Binding{.values = values, .operation = call}));
  return values;
}

Ref<Value> GraphBuilder::call(Name op, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs) {
  auto values = call_all(op, std::move(args), std::move(attrs));
  if (values.size() != 1) throw internal_error("operator '{}' gives {} results where one is wanted", op.str(), values.size());
  return values[0];
}

std::vector<Ref<Var>> GraphBuilder::read_sizes(const Ref<Operand>& tensor, const std::vector<std::string>& names) {
  Ref<TensorType> type = tensor_of(tensor);
  auto count = static_shape(type->shape);
  if (type->element != i64 || !count || count->size() > 1 || (count->empty() ? 1 : (*count)[0]) != static_cast<int64_t>(names.size()))
    throw user_error("sizes are read from an i64 tensor of {} elements, found {} of rank {}", names.size(), to_string(type->element),
                     type->shape.size());
  std::vector<Ref<Var>> dims;
  for (const auto& name : names) dims.push_back(dim(name));
  emit(make(Binding{.operation = make(OpCall{.op = "read_sizes", .args = {tensor}}), .dims = dims}));
  return dims;
}

Ref<Constant> GraphBuilder::constant(const Ref<TensorType>& type, Blob data, Name id) {
  auto sizes = static_shape(type->shape);
  TW_CHECK(sizes, "a constant's shape is not constant");
  size_t bytes = static_cast<size_t>(type->element.bytes());
  for (int64_t s : *sizes) bytes *= static_cast<size_t>(s);
  if (bytes != data.size()) throw internal_error("a constant of {} bytes, found {}", bytes, data.size());
  return make(Constant{.type = type, .data = std::move(data), .id = id});
}

Ref<Constant> GraphBuilder::scalar(double value, DType type) {
  std::vector<std::byte> bytes(static_cast<size_t>(type.bytes()));
  write_element(bytes.data(), type, value);
  return constant(tensor_type({}, type), Blob(std::move(bytes)));
}

Ref<Constant> GraphBuilder::ints(std::vector<int64_t> values) {
  return constant(tensor_type(shape_of({static_cast<int64_t>(values.size())}), i64), Blob::of(std::span<const int64_t>(values)));
}

Ref<Operand> DecomposeContext::arg(size_t i) const {
  if (!has(i)) throw internal_error("operator '{}' reads its absent input {}", call.op.str(), i);
  return as_ref<Operand>(call.args[i]);
}

} // namespace tw::ops

// SPDX-License-Identifier: Apache-2.0
// Finding operators by name, and typing a call: first what every operator's `inputs` says (presence, count, kinds of elements), then its
// rule.
#include "ops/op.h"

#include <unordered_map>

namespace tw::ops {

std::span<const OpDef* const> table(); // generated

OpDef define_with(Definition d, std::vector<AttributeSpec> attributes) {
  if (d.compute && d.decompose) throw internal_error("an operator has both compute and decompose");
  return OpDef{.doc = std::move(d.doc.value),
               .inputs = std::move(d.inputs.value),
               .type = std::move(d.type.value),
               .fusion = d.fusion.value,
               .layout = d.layout,
               .compute = std::move(d.compute),
               .decompose = std::move(d.decompose),
               .fold = std::move(d.fold),
               .flops = std::move(d.flops),
               .examples = std::move(d.examples),
               .outputs = d.outputs,
               .effect = d.effect,
               .attributes = std::move(attributes)};
}

std::span<const OpDef* const> all() { return table(); }

const OpDef* find(Name name) {
  static const auto* index = [] {
    auto* map = new std::unordered_map<Name, const OpDef*>;
    for (const OpDef* op : table()) map->emplace(op->name, op);
    return map;
  }();
  auto found = index->find(name);
  return found == index->end() ? nullptr : found->second;
}

const OpDef& get(Name name) {
  if (const OpDef* op = find(name)) return *op;
  throw internal_error("unknown operator '{}'", name.str());
}

namespace {
bool is_kind(std::string_view kind, DType type) {
  if (kind == "any") return true;
  if (kind == "number") return type.is_float() || type.is_int();
  if (kind == "float") return type.is_float();
  if (kind == "int") return type.is_int();
  if (kind == "signed") return type.is_float() || type.is_signed();
  if (kind == "index") return type == i32 || type == i64;
  auto exact = parse_dtype(kind);
  if (!exact) throw internal_error("an operator declares an unknown kind of element '{}'", kind);
  return *exact == type;
}

// "bias?: float | i32" in parts.
struct Declared {
  std::string_view name, kinds;
  bool optional = false, repeated = false;
  explicit Declared(std::string_view text) {
    size_t colon = text.find(':');
    if (colon == text.npos) throw internal_error("an operator declares an input without a kind: '{}'", text);
    name = text.substr(0, colon);
    kinds = text.substr(colon + 1);
    optional = name.ends_with('?');
    repeated = name.ends_with('*');
    if (optional || repeated) name.remove_suffix(1);
  }
  bool accepts(DType type) const {
    for (std::string_view rest = kinds; !rest.empty();) {
      size_t bar = rest.find('|');
      std::string_view kind = rest.substr(0, bar);
      while (kind.starts_with(' ')) kind.remove_prefix(1);
      while (kind.ends_with(' ')) kind.remove_suffix(1);
      if (is_kind(kind, type)) return true;
      rest = bar == rest.npos ? "" : rest.substr(bar + 1);
    }
    return false;
  }
};

void check_inputs(const OpDef& op, const OpCall& call) {
  size_t declared = op.inputs.size();
  bool repeats = declared && Declared(op.inputs.back()).repeated;
  if (!repeats && call.args.size() > declared) throw user_error("expected at most {} inputs, found {}", declared, call.args.size());
  for (size_t i = 0; i < std::max(declared, call.args.size()); ++i) {
    Declared input(op.inputs[std::min(i, declared - 1)]);
    bool present = i < call.args.size() && call.args[i];
    if (!present) {
      if (!input.optional && !input.repeated) throw user_error("input {} ('{}') is missing", i, input.name);
      if (input.repeated && i < call.args.size()) throw user_error("input {} ('{}') is absent", i, input.name);
      continue;
    }
    Ref<Type> type = type_of(call.args[i].node());
    const auto* tensor = as<TensorType>(type);
    if (!tensor) throw user_error("input {} ('{}') must be a tensor, found a {}", i, input.name, kind_name(type.node()));
    if (!input.accepts(tensor->element))
      throw user_error("input {} ('{}') must have elements of kind{}, found {}", i, input.name, input.kinds,
                       tw::to_string(tensor->element));
  }
}

void check_attributes(const OpDef& op, const OpCall& call) {
  for (const auto& attr : call.attrs) {
    const AttributeSpec* spec = nullptr;
    for (const auto& s : op.attributes)
      if (attr->name == s.name.c_str()) spec = &s;
    if (!spec) throw internal_error("no attribute '{}'", attr->name.str());
    bool constant_sizes =
        std::holds_alternative<List<Ref<Expr>>>(spec->default_value) && std::holds_alternative<List<int64_t>>(attr->value);
    if (spec->default_value.index() != attr->value.index() && !constant_sizes)
      throw internal_error("attribute '{}' has a value of another type", attr->name.str());
  }
}
} // namespace

Types infer_types(const OpCall& call, std::vector<TypeContext::Assumption>* assumptions) {
  const OpDef& op = get(call.op);
  return with_place(fmt::format("operator '{}'", op.name), [&] {
    check_inputs(op, call);
    check_attributes(op, call);
    TypeContext context(call);
    Types types = op.type(context);
    if (op.outputs >= 0 && types.size() != static_cast<size_t>(op.outputs))
      throw internal_error("the type rule gives {} results, {} are declared", types.size(), op.outputs);
    if (assumptions) assumptions->insert(assumptions->end(), context.assumptions().begin(), context.assumptions().end());
    return types;
  });
}

} // namespace tw::ops

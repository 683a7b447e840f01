// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/node_context.h"

#include "frontends/onnx/graph_importer.h"

#include "ops/element.h"
#include "ops/sizes.h"

#include <algorithm>

namespace tw::onnx {

Ref<Operand> NodeContext::input(size_t i) const {
  if (!has(i)) throw user_error("input {} is missing", i);
  return as_ref<Operand>(inputs_[i]);
}

std::vector<Opt<Operand>> NodeContext::all_inputs(size_t at_least) const {
  std::vector<Opt<Operand>> out;
  for (size_t i = 0; i < std::max(at_least, inputs_.size()); ++i) out.push_back(input(i));
  return out;
}

Ref<TensorType> NodeContext::type(const Ref<Operand>& x) { return tensor_of(x); }

std::optional<std::vector<int64_t>> NodeContext::maybe_ints(size_t i) {
  auto contents = body.contents(input(i));
  if (!contents) return {};
  std::vector<int64_t> out;
  for (const auto& e : contents->elements) {
    auto value = as_int(e);
    if (!value) return {};
    out.push_back(*value);
  }
  return out;
}

std::vector<int64_t> NodeContext::known_ints(size_t i, const char* what) {
  if (element(i).is_float()) throw user_error("input {} ('{}') must hold integers, found {}", i, what, to_string(element(i)));
  if (auto values = maybe_ints(i)) return *values;
  not_known(i, fmt::format("input {} ('{}') must be known when the model is compiled, but it depends on the model's inputs", i, what));
}

void NodeContext::not_known(size_t i, std::string text) {
  std::vector<std::string> names;
  if (has(i)) names = importer.inputs_of(body, input(i));
  std::string hint = "make it a constant of the model";
  if (!names.empty())
    hint += fmt::format(", or compile for one value of the input{} '{}' (the option values)", names.size() == 1 ? "" : "s",
                        fmt::join(names, "', '"));
  throw unsupported("{}", text).hint(hint);
}

int64_t NodeContext::known_int(size_t i, const char* what) {
  auto values = known_ints(i, what);
  if (values.size() != 1) throw user_error("input {} ('{}') must be one integer, found {}", i, what, values.size());
  return values[0];
}

std::vector<double> NodeContext::known_floats(size_t i, const char* what) {
  auto value = body.constant_value(input(i));
  if (!value)
    not_known(i, fmt::format("input {} ('{}') must be known when the model is compiled, but it depends on the model's inputs", i, what));
  return value->numbers();
}

double NodeContext::known_float(size_t i, const char* what) {
  auto values = known_floats(i, what);
  if (values.size() != 1) throw user_error("input {} ('{}') must be one number, found {}", i, what, values.size());
  return values[0];
}

std::vector<Ref<Expr>> NodeContext::sizes(size_t i, const char* what, int64_t min) {
  Ref<TensorType> t = type(i);
  if (!t->element.is_int() || t->shape.size() > 1)
    throw user_error("input {} ('{}') must be a list of integers, found {} of rank {}", i, what, to_string(t->element), t->shape.size());
  auto contents = body.sizes(input(i), min);
  if (!contents)
    not_known(i, fmt::format("input {} ('{}') has an unknown number of elements, so that the rank of the result is not known", i, what));
  std::vector<Ref<Expr>> out;
  for (Ref<Expr> e : contents->elements) {
    // Sizes fit in every type that models compute them in.
    while (const auto* c = as<Cast>(e)) e = c->value;
    out.push_back(ops::simplified(tw::cast(i64, e)));
  }
  return out;
}

Ref<Expr> NodeContext::size(size_t i, const char* what, int64_t min) {
  auto all = sizes(i, what, min);
  if (all.size() != 1) throw user_error("input {} ('{}') must be one integer, found {}", i, what, all.size());
  return all[0];
}

int64_t NodeContext::axis(int64_t value, int64_t rank, const char* name) const {
  return ops::TypeContext::normalise_axis(value, rank, name);
}

std::optional<std::vector<int64_t>> NodeContext::axes(size_t i, int64_t since, int64_t rank) {
  std::vector<int64_t> out;
  if (opset() < since) {
    if (!has_attribute("axes")) return {};
    out = onnx::attribute_ints(node, "axes");
  } else {
    if (!has(i)) return {};
    out = known_ints(i, "axes");
  }
  for (auto& a : out) a = axis(a, rank, "axes");
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    throw user_error("axes must be distinct, found {} twice", *std::adjacent_find(out.begin(), out.end()));
  return out;
}

Ref<Var> NodeContext::fresh_dim(const char* name, int64_t min, int64_t max) { return dim(body.unique(name), min, max); }

Results NodeContext::call_all(Name op, std::vector<Opt<Operand>> args, const Attributes& attributes) {
  auto values = body.apply_all(op, std::move(args), attributes);
  return Results(values.begin(), values.end());
}

Ref<Operand> NodeContext::cast(const Ref<Operand>& x, DType to) {
  if (type(x)->element == to) return x;
  return call("cast", {x}, {{"to", to}});
}

Ref<Operand> NodeContext::reshape(const Ref<Operand>& x, std::vector<Ref<Expr>> shape) {
  return call("reshape", {x}, {{"shape", List<Ref<Expr>>(std::move(shape))}});
}

Ref<Operand> NodeContext::transpose(const Ref<Operand>& x, std::vector<int64_t> permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return x;
  return call("transpose", {x}, {{"axes", List<int64_t>(std::move(permutation))}});
}

Ref<Operand> NodeContext::squeeze(const Ref<Operand>& x, const std::vector<int64_t>& axes) {
  return axes.empty() ? x : call("squeeze", {x}, {{"axes", List<int64_t>(axes)}});
}

Ref<Operand> NodeContext::unsqueeze(const Ref<Operand>& x, const std::vector<int64_t>& axes) {
  return axes.empty() ? x : call("unsqueeze", {x}, {{"axes", List<int64_t>(axes)}});
}

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
#include "compile/float64.h"

#include "ir/build.h"
#include "ir/visit.h"
#include "ops/op.h"

#include <algorithm>

namespace tw::compile {
namespace {

constexpr const char* not_needed[] = {"recognise_patterns", "merge_products", "fold_batch_norm", "select_winograd", "pad_in_place",
                                      "join_in_place",      "pack_operands",  "prefetch_panels", "cut_deep_panels", "stream_results"};

Ref<Constant> widened(const Constant& constant) {
  std::vector<double> values;
  for (float value : constant.data.as<float>()) values.push_back(value);
  return make(Constant{.type = make(TensorType{.shape = constant.type->shape, .element = f64}),
                       .data = Blob::of(std::span<const double>(values)),
                       .id = constant.id});
}

// Attributes at their default are not written down, and that default may be f32.
Opt<Operation> with_defaults_widened(const OpCall& call) {
  const ops::OpDef* op = ops::find(call.op);
  if (!op) return {};
  std::vector<Ref<Attr>> attrs(call.attrs.begin(), call.attrs.end());
  for (const auto& spec : op->attributes) {
    const auto* type = std::get_if<DType>(&spec.default_value);
    bool given = std::ranges::any_of(call.attrs, [&](const Ref<Attr>& a) { return a->name == Name(spec.name); });
    if (type && *type == f32 && !given) attrs.push_back(make(Attr{.name = spec.name, .value = f64}));
  }
  if (attrs.size() == call.attrs.size()) return {};
  std::sort(attrs.begin(), attrs.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return make(OpCall{.op = call.op, .args = call.args, .attrs = std::move(attrs)});
}

bool rounds_to_integers(const Ref<Module>& module) {
  bool found = false;
  visit(module, [&](const OpCall& call) {
    for (const char* op : {"quantize_linear", "dynamic_quantize_linear", "quantized_convolution", "quantized_matmul"})
      found = found || call.op == op;
  });
  return found;
}

} // namespace

Opt<Module> widen_to_float64(const Ref<Module>& module) {
  bool kernels = false; // somebody's own loops: their literals and casts mean what they say
  for (const auto& callable : module->functions) kernels = kernels || as<Kernel>(callable);
  if (kernels || rounds_to_integers(module)) return {};
  return rewrite(
      module,
      [](const Constant& constant, Rewrite) -> Opt<Constant> {
        return constant.type->element == f32 ? Opt<Constant>(widened(constant)) : Opt<Constant>();
      },
      [](const TensorType& type) -> Opt<Type> {
        return type.element == f32 ? Opt<Type>(make(TensorType{.shape = type.shape, .element = f64})) : Opt<Type>();
      },
      [](const Attr& attr) -> Opt<Attr> {
        const auto* type = std::get_if<DType>(&attr.value);
        return type && *type == f32 ? Opt<Attr>(make(Attr{.name = attr.name, .value = f64})) : Opt<Attr>();
      },
      [](const OpCall& call) -> Opt<Operation> { return with_defaults_widened(call); });
}

Reference compile_reference(const Ref<Module>& module, Options options, Name function) {
  options.passes.exact = true;
  options.driver.disable.insert(std::begin(not_needed), std::end(not_needed));
  std::string problem = "it rounds values to integers, or has kernels of its own";
  if (Opt<Module> wide = widen_to_float64(module)) {
    try {
      return {compile(as_ref<Module>(wide), options, function), true, ""};
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::internal) throw; // an operator may want f32 by name; a bug of ours is none of that
      problem = error.message();
    }
  }
  return {compile(module, options, function), false, problem};
}

} // namespace tw::compile

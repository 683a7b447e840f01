// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/descriptor_emitter.h"

#include "ir/build.h"

#include <llvm/IR/Module.h>

namespace tw::codegen {
namespace {

class DescriptorEmitter {
public:
  explicit DescriptorEmitter(llvm::Module& module) : module_(module), b_(module.getContext()) {}

  // Launches of one kernel have most of their texts in common.
  llvm::Constant* text(const std::string& value) {
    auto& known = texts_[value];
    return known ? known : known = b_.CreateGlobalString(value, "", 0, &module_);
  }
  llvm::Constant* i32(int64_t v) { return b_.getInt32(static_cast<uint32_t>(v)); }
  llvm::Constant* i64(int64_t v) { return b_.getInt64(static_cast<uint64_t>(v)); }
  llvm::Constant* real(double v) { return llvm::ConstantFP::get(b_.getDoubleTy(), v); }
  llvm::Constant* structure(const std::vector<llvm::Constant*>& fields) {
    return llvm::ConstantStruct::getAnon(module_.getContext(), fields);
  }

  llvm::Constant* array(const std::vector<llvm::Constant*>& items, const char* name) {
    if (items.empty()) return llvm::ConstantPointerNull::get(b_.getPtrTy());
    auto* type = llvm::ArrayType::get(items[0]->getType(), items.size());
    return new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::InternalLinkage, llvm::ConstantArray::get(type, items), name);
  }

  static int dtype_code(DType t) {
    if (t.is_bool()) return 6;
    if (t.is_int()) return t.is_signed() ? 0 : 1;
    return t.code == DTypeCode::brain_float ? 4 : 2;
  }

  llvm::Constant* port(const std::string& name, const Ref<TensorType>& type, const List<Ref<Var>>& dims) {
    std::vector<llvm::Constant*> sizes;
    for (const auto& e : type->shape) {
      int64_t symbol = TW_COMPUTED, size = 0;
      if (auto known = as_int(e)) {
        symbol = TW_FIXED;
        size = *known;
      }
      for (size_t i = 0; i < dims.size(); ++i)
        if (e.same_as(dims[i])) symbol = static_cast<int64_t>(i);
      sizes.push_back(structure({i64(size), i32(symbol), i32(0)}));
    }
    DType t = type->element;
    auto* dtype = structure({b_.getInt8(static_cast<uint8_t>(dtype_code(t))), b_.getInt8(t.bits), b_.getInt16(1)});
    return structure({text(name), dtype, i32(static_cast<int64_t>(sizes.size())), array(sizes, "dimensions")});
  }

  llvm::Module& module_;
  llvm::IRBuilder<> b_;
  std::unordered_map<std::string, llvm::Constant*> texts_;
};

} // namespace

void emit_descriptor(llvm::Module& module, const EntryPlan& plan, const std::vector<Launch>& launches, const ModuleFunctions& functions) {
  DescriptorEmitter d(module);
  const Function& function = *plan.function;
  std::vector<llvm::Constant*> inputs, outputs, symbols, launch_rows;
  for (size_t i = 0; i < function.body->params.size(); ++i)
    inputs.push_back(d.port(plan.input_names[i], tensor_of(function.body->params[i]), function.dims));
  for (size_t i = 0; i < function.body->results.size(); ++i)
    outputs.push_back(d.port(plan.output_names[i], tensor_of(function.body->results[i]), function.dims));
  for (const auto& dim : function.dims)
    symbols.push_back(d.structure({d.text(dim->id.str()), d.i64(std::max<int64_t>(dim->min, 0)), d.i64(dim->max), d.i64(dim->multiple)}));
  for (Launch l : launches) {
    for (auto& part : l.shape) // sizes become gaps
      if (known_before_run(part.size, function.dims)) part = {.text = part.text + "{}"};
    launch_rows.push_back(d.structure({d.text(l.kernel), d.text(l.origin), d.text(l.shape_text()), d.real(l.flops.typical),
                                       d.real(l.bytes.typical), d.real(l.predicted_ns.typical)}));
  }
  int64_t slots = 0;
  for (const auto& a : function.attrs)
    if (a->name == "slots") slots = std::get<int64_t>(a->value);
  auto* weights = new llvm::GlobalVariable(module, d.b_.getInt8Ty(), true, llvm::GlobalValue::ExternalLinkage, nullptr, weights_symbol);
  auto count = [&](const auto& list) { return d.i32(static_cast<int64_t>(list.size())); };
  auto* value = d.structure({d.i32(TW_ARTIFACT_VERSION),
                             d.i32(sizeof(tw_module_descriptor)),
                             d.text(plan.name),
                             d.text(plan.target),
                             d.text(plan.features),
                             d.text(plan.producer),
                             count(inputs),
                             count(outputs),
                             count(symbols),
                             count(launch_rows),
                             d.i32(0),
                             d.i32(slots),
                             d.array(inputs, "inputs"),
                             d.array(outputs, "outputs"),
                             d.array(symbols, "symbols"),
                             d.array(launch_rows, "launches"),
                             weights,
                             d.i64(plan.weight_bytes),
                             d.i64(plan.scratch_bytes),
                             functions.sizes.predict,
                             functions.sizes.describe,
                             functions.plan,
                             functions.entry});
  auto* global = new llvm::GlobalVariable(module, value->getType(), true, llvm::GlobalValue::ExternalLinkage, value, TW_DESCRIPTOR_SYMBOL);
  global->setAlignment(llvm::Align(16));
}

} // namespace tw::codegen

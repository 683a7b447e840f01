// SPDX-License-Identifier: Apache-2.0
// Runs a compiled module in this process on arrays, as the interpreter takes them; on as many threads as asked for, however short the run.
// `places`: where the caller wants results of constant shape, if not in memory of the session.
#pragma once

#include "compile/compile.h"
#include "interpreter/interpret.h"

namespace tw::test {

inline std::vector<interpreter::Array> run_compiled(const compile::CompiledModule& compiled, const std::vector<interpreter::Array>& inputs,
                                                    int threads = 1, const std::vector<void*>& places = {}) {
  tw_module_descriptor d = compiled.descriptor();
  d.predict = nullptr;
  tw_module* module = nullptr;
  if (tw_module_wrap(&d, nullptr, nullptr, &module) != TW_OK) throw internal_error("{}", tw_last_error());
  tw_session* session = nullptr;
  tw_options options{};
  options.threads = threads;
  if (tw_session_create(module, &options, &session) != TW_OK) throw internal_error("{}", tw_last_error());
  std::vector<tw_tensor> in(inputs.size()), out(static_cast<size_t>(d.output_count));
  std::vector<std::vector<int64_t>> shapes;
  for (const auto& a : inputs) shapes.push_back(a.shape);
  for (size_t i = 0; i < inputs.size(); ++i)
    in[i] = {const_cast<std::byte*>(inputs[i].bytes.bytes().data()),
             1,
             0,
             static_cast<int32_t>(shapes[i].size()),
             d.inputs[i].dtype,
             shapes[i].data(),
             nullptr,
             0};
  // Results that the caller has a place for.
  std::vector<std::vector<int64_t>> wanted;
  for (size_t i = 0; i < places.size(); ++i) {
    Ref<TensorType> type = tensor_of(as<Function>(passes::find_callable(compiled.lowered(), "main"))->body->results[i]);
    wanted.push_back(*static_shape(type->shape));
    out[i] = {places[i], 1, 0, static_cast<int32_t>(wanted[i].size()), d.outputs[i].dtype, wanted[i].data(), nullptr, 0};
  }
  tw_status status = tw_session_run(session, in.data(), static_cast<int32_t>(in.size()), out.data(), d.output_count);
  std::string error = status == TW_OK ? "" : tw_last_error();
  std::vector<interpreter::Array> results;
  for (size_t i = 0; i < out.size() && status == TW_OK; ++i) {
    Ref<TensorType> type = tensor_of(as<Function>(passes::find_callable(compiled.lowered(), "main"))->body->results[i]);
    interpreter::Array a;
    a.dtype = type->element;
    a.shape.assign(out[i].shape, out[i].shape + out[i].ndim);
    int64_t bytes = type->element.bytes();
    for (int64_t s : a.shape) bytes *= s;
    const auto* data = static_cast<const std::byte*>(out[i].data);
    a.bytes = Blob(std::vector<std::byte>(data, data + bytes));
    results.push_back(std::move(a));
  }
  tw_session_destroy(session);
  tw_module_release(module);
  if (status != TW_OK) throw user_error("{}", error);
  return results;
}

} // namespace tw::test

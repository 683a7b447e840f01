// SPDX-License-Identifier: Apache-2.0
// The results to check a compiled module against, in a time that large models allow: the same model with every f32 taken as f64, without
// approximations and without the passes that a model runs as well without. The interpreter is plainer still, and thousands of times slower.
#pragma once

#include "compile/compile.h"

namespace tw::compile {

// Every type, constant and attribute of f32 becomes one of f64. Nothing if the model rounds values to integers on its way (8-bit models):
// there a difference of one rounding is no error, and wider values would show it.
Opt<Module> widen_to_float64(const Ref<Module>& module);

struct Reference {
  CompiledModule compiled;
  bool wide;           // inputs and outputs of f32 are f64 in it
  std::string problem; // why it is not wide
};
// `options` are those of the module to be checked.
Reference compile_reference(const Ref<Module>& module, Options options, Name function = "main");

} // namespace tw::compile

// SPDX-License-Identifier: Apache-2.0
// LLD as a function: arguments in, the linked file's bytes out. Nothing is written to disk and no signal handler is installed.
#pragma once

#include "codegen/llvm/compile_module.h"

#include <string>
#include <vector>

namespace tw::codegen {

// A shared library named `soname` from `inputs` (paths) and further arguments. Fails with an internal error that holds the linker's words.
ObjectBytes run_linker(const std::string& soname, const std::vector<std::string>& inputs);

} // namespace tw::codegen

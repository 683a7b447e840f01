// SPDX-License-Identifier: Apache-2.0
// Compiled objects to callable code in this process.
//
// Objects are linked together and against the imported symbols, then mapped executable. Nothing is compiled here: callers compile on as
// many threads as they like and load once. The code lives as long as the JitCode object.
#pragma once

#include "codegen/llvm/compile_module.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tw::codegen {

class JitCode {
public:
  // `definitions` gives addresses to symbols that the objects leave undefined (the weights, for instance).
  explicit JitCode(std::span<const ObjectBytes> objects, const std::map<std::string, const void*>& definitions = {});
  ~JitCode();
  JitCode(JitCode&&) noexcept;
  JitCode& operator=(JitCode&&) noexcept;

  // Fails with an internal error when no object defines the name.
  void* symbol(std::string_view name) const;
  template <class F> F* function(std::string_view name) const { return reinterpret_cast<F*>(symbol(name)); }

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace tw::codegen

// SPDX-License-Identifier: Apache-2.0
// The only functions outside a module that generated code may call: of libm and libc. Both the loader in memory and the linker of shared
// libraries resolve against this table, so a kernel that works in one works in the other, and nothing of the host process leaks in.
#pragma once

#include <span>
#include <string_view>

namespace tw::codegen {

struct ImportedSymbol {
  const char* name;
  void* address;
  bool in_libm; // else in libc
};

// Sorted by name.
std::span<const ImportedSymbol> imported_symbols();
const ImportedSymbol* find_imported_symbol(std::string_view name);

} // namespace tw::codegen

// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/imported_symbols.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace tw::codegen {
namespace {

template <class F> void* address(F* function) { return reinterpret_cast<void*>(function); }

#define TW_MATH1(name)                                                                                                                     \
  {#name, address<double(double)>(::name), true}, { #name "f", address < float(float)>(::name##f), true }
#define TW_MATH2(name)                                                                                                                     \
  {#name, address<double(double, double)>(::name), true}, { #name "f", address < float(float, float)>(::name##f), true }

std::vector<ImportedSymbol> make_table() {
  std::vector<ImportedSymbol> table = {
      TW_MATH1(acos),
      TW_MATH1(acosh),
      TW_MATH1(asin),
      TW_MATH1(asinh),
      TW_MATH1(atan),
      TW_MATH1(atanh),
      TW_MATH1(cbrt),
      TW_MATH1(ceil),
      TW_MATH1(cos),
      TW_MATH1(cosh),
      TW_MATH1(erf),
      TW_MATH1(erfc),
      TW_MATH1(exp),
      TW_MATH1(exp2),
      TW_MATH1(expm1),
      TW_MATH1(floor),
      TW_MATH1(lgamma),
      TW_MATH1(log),
      TW_MATH1(log10),
      TW_MATH1(log1p),
      TW_MATH1(log2),
      TW_MATH1(nearbyint),
      TW_MATH1(rint),
      TW_MATH1(round),
      TW_MATH1(sin),
      TW_MATH1(sinh),
      TW_MATH1(sqrt),
      TW_MATH1(tan),
      TW_MATH1(tanh),
      TW_MATH1(tgamma),
      TW_MATH1(trunc),
      TW_MATH2(atan2),
      TW_MATH2(fmax),
      TW_MATH2(fmin),
      TW_MATH2(fmod),
      TW_MATH2(hypot),
      TW_MATH2(pow),
      TW_MATH2(remainder),
      {"fma", address<double(double, double, double)>(::fma), true},
      {"fmaf", address<float(float, float, float)>(::fmaf), true},
      {"memcpy", address<void*(void*, const void*, size_t)>(::memcpy), false},
      {"memmove", address<void*(void*, const void*, size_t)>(::memmove), false},
      {"memset", address<void*(void*, int, size_t)>(::memset), false},
  };
  std::ranges::sort(table, {}, [](const ImportedSymbol& symbol) { return std::string_view(symbol.name); });
  return table;
}

} // namespace

std::span<const ImportedSymbol> imported_symbols() {
  static const std::vector<ImportedSymbol> table = make_table();
  return table;
}

const ImportedSymbol* find_imported_symbol(std::string_view name) {
  auto table = imported_symbols();
  auto by_name = [](const ImportedSymbol& symbol) { return std::string_view(symbol.name); };
  auto found = std::ranges::lower_bound(table, name, {}, by_name);
  return found == table.end() || by_name(*found) != name ? nullptr : &*found;
}

} // namespace tw::codegen

// SPDX-License-Identifier: Apache-2.0
// Equality of attribute values: numbers and names by value, symbolic sizes by structure.
#include "ops/attributes.h"

#include <bit>

namespace tw::ops {
namespace {

template <class T> bool same(const T& a, const T& b) { return a == b; }
bool same(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); } // -0.0 and NaN are values of their own
template <class T> bool same(const Opt<T>& a, const Opt<T>& b) { return equal(a.node(), b.node()); }
bool same(const List<Ref<Expr>>& a, const List<Ref<Expr>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return equal(x, y); });
}

} // namespace

bool same_value(const Attr::Value& a, const Attr::Value& b) {
  if (a.index() != b.index()) return false;
  return std::visit([&](const auto& x) { return same(x, std::get<std::remove_cvref_t<decltype(x)>>(b)); }, a);
}

Attr::Value canonical(Attr::Value value) {
  const auto* sizes = std::get_if<List<Ref<Expr>>>(&value);
  if (!sizes) return value;
  std::vector<int64_t> known;
  for (const auto& e : *sizes) {
    const auto* size = as<IntImm>(e);
    if (!size) return value;
    known.push_back(size->value);
  }
  return List<int64_t>(std::move(known));
}

} // namespace tw::ops

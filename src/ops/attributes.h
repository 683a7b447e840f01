// SPDX-License-Identifier: Apache-2.0
// Typed attributes: an operator's attribute struct lists its fields once; calls store them generically (List<Attr>, sorted, defaults left
// out), so that `ir` knows no operator. Field types: bool, int64_t, double, Name, DType, List<int64_t>, List<double>, List<Name>,
// Opt<Expr>, List<Ref<Expr>> (symbolic sizes).
#pragma once

#include "ir/derived.h"

namespace tw::ops {

struct AttributeSpec {
  std::string name;
  Attr::Value default_value;
};

// Reads attributes by name; an unknown attribute or one of another type is an internal error (importers build them from checked input).
template <class A> A attrs_of(const OpCall& call) {
  A out;
  for (const auto& attr : call.attrs) {
    bool found = false;
    std::apply(
        [&](const auto&... f) {
          auto take = [&](const auto& d) {
            if (attr->name != d.name) return;
            using M = std::remove_cvref_t<decltype(out.*d.member)>;
            if (const M* value = std::get_if<M>(&attr->value)) {
              out.*d.member = *value;
              found = true;
            }
            // Where sizes may be symbolic, constant ones are kept (and written) as integers.
            if constexpr (std::is_same_v<M, List<Ref<Expr>>>)
              if (const auto* sizes = std::get_if<List<int64_t>>(&attr->value)) {
                std::vector<Ref<Expr>> items;
                for (int64_t size : *sizes) items.push_back(make(IntImm{.value = size}));
                out.*d.member = M(std::move(items));
                found = true;
              }
          };
          (take(f), ...);
        },
        A::fields);
    if (!found) throw internal_error("operator '{}' has no attribute '{}' of that type", call.op.str(), attr->name.str());
  }
  return out;
}

// A list of constant sizes as integers.
Attr::Value canonical(Attr::Value value);
bool same_value(const Attr::Value& a, const Attr::Value& b);

// The generic form of the struct: sorted by name, defaults left out.
template <class A> std::vector<Ref<Attr>> to_attrs(const A& attributes) {
  std::vector<Ref<Attr>> out;
  const A defaults;
  std::apply(
      [&](const auto&... f) {
        auto add = [&](const auto& d) {
          Attr::Value value = attributes.*d.member;
          if (!same_value(value, defaults.*d.member)) out.push_back(make(Attr{.name = d.name, .value = canonical(std::move(value))}));
        };
        (add(f), ...);
      },
      A::fields);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return out;
}

template <class A> std::vector<AttributeSpec> attribute_specs() {
  std::vector<AttributeSpec> out;
  const A defaults;
  std::apply([&](const auto&... f) { (out.push_back({f.name, Attr::Value(defaults.*f.member)}), ...); }, A::fields);
  return out;
}

} // namespace tw::ops

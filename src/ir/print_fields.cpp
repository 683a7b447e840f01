// SPDX-License-Identifier: Apache-2.0
// The general form of a node, `Kind(field=value, …)`, from its field list: how a node without a form of its own is printed.
#include "ir/blank.h"
#include "ir/print.h"

namespace tw {

namespace detail {
const Node* placeholder() {
  static const auto* node = new Ref<Var>(make(Var{}));
  return node->node();
}
} // namespace detail

namespace print {

std::string blob_text(const Blob& blob) {
  constexpr size_t most_bytes = 128;
  if (blob.size() > most_bytes) return fmt::format("hash=\"{}\"", blob.hash().hex());
  std::string hex;
  for (std::byte b : blob.bytes()) hex += fmt::format("{:02x}", static_cast<unsigned>(b));
  return fmt::format("bytes=\"{}\"", hex);
}

bool is_kind(std::string_view word) {
  return []<class... T>(TypeList<T...>, std::string_view w) { return (... || (w == T::kind_name)); }(NodeList{}, word);
}

namespace {
template <class M> bool is_default(const M& v, const M& blank) {
  if constexpr (requires { v.node(); }) return v.node() == nullptr;
  else if constexpr (requires {
                       v.empty();
                       v.front();
                     })
    return v.empty();
  else if constexpr (std::equality_comparable<M> && !std::is_same_v<M, Attr::Value>) return v == blank;
  else return false;
}
} // namespace

template <class T> std::string Printer::value(const T& v, bool defines) {
  if constexpr (std::is_same_v<T, bool>) return v ? "True" : "False";
  else if constexpr (std::is_same_v<T, int64_t>) return fmt::format("{}", v);
  else if constexpr (std::is_same_v<T, double>) return float_text(v, f64);
  else if constexpr (std::is_same_v<T, DType>) return to_string(v);
  else if constexpr (std::is_same_v<T, Name>) return syntax::quote(v.str());
  else if constexpr (std::is_same_v<T, Blob>) return fmt::format("blob({})", blob_text(v));
  else if constexpr (NamedEnum<T>) return syntax::quote(name_of(v));
  else if constexpr (std::is_same_v<T, Attr::Value>) return attr_value(v);
  else if constexpr (requires { v.node(); }) return v.node() ? inner(v.node(), defines) : "None";
  else {
    std::vector<std::string> parts;
    for (const auto& item : v) parts.push_back(value(item, defines));
    return tuple_text(parts);
  }
}

std::string Printer::inner(const Node* n, bool defines) {
  if (as<Var>(n) || as<Value>(n) || as<Buffer>(n)) return defines ? generic(n) : name(n);
  if (defines || as<Binding>(n)) return generic(n); // what they introduce outlives them
  NameScope scope(*this);
  if (options_.fields) return generic(n);
  if (as<Expr>(n)) return expr(n);
  if (as<Type>(n)) return type(n);
  if (as<Operand>(n)) return operand(n);
  if (const auto* r = as<Region>(n)) return region(*r);
  return generic(n);
}

std::string Printer::generic(const Node* n) {
  return dispatch(n, [&]<class T>(const T& x) {
    static const T plain = blank<T>();
    std::vector<std::string> parts;
    if constexpr (Identity<T>) parts.push_back("id=" + syntax::quote(define(n)));
    for_fields<T>([&](const auto& d) {
      if ((d.flags & skip) || ((d.flags & defaulted) && is_default(x.*d.member, plain.*d.member))) return;
      parts.push_back(fmt::format("{}={}", d.name, value(x.*d.member, d.flags & tw::defines)));
    });
    return fmt::format("{}({})", T::kind_name, join(parts));
  });
}

} // namespace print
} // namespace tw

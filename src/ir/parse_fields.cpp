// SPDX-License-Identifier: Apache-2.0
// Plain values, attributes, and nodes from their field lists: `Kind(field=value, …)`, for every kind at once.
#include "ir/blank.h"
#include "ir/parse.h"

#include <algorithm>

namespace tw::parse_detail {

// ---- plain values

int64_t Parser::integer(const Tree& t, const char* what) const {
  if (t.is(TreeKind::integer)) {
    try {
      size_t end = 0;
      int64_t value = std::stoll(t.text, &end, t.text.find('x') == std::string::npos ? 10 : 16);
      if (end == t.text.size()) return value;
    } catch (const std::logic_error&) {}
    fail(t.at, fmt::format("{} is outside the range of i64", t.text));
  }
  if (t.is(TreeKind::name) && !names_.count(t.text))
    if (auto found = find(t.text))
      if (const auto* value = std::get_if<int64_t>(&*found)) return *value;
  fail(t.at, fmt::format("expected {} as an integer", what));
}

double Parser::real(const Tree& t) {
  if (!is_literal(t)) fail(t.at, "expected a number");
  return as<FloatImm>(number(t, f64))->value;
}

DType Parser::dtype(const Tree& t) {
  if (t.is(TreeKind::name)) {
    if (auto type = parse_dtype(t.last_name())) return *type;
    if (auto found = find(t.text))
      if (const auto* type = std::get_if<DType>(&*found)) return *type;
  }
  fail(t.at, "expected a data type", "data types are bool, i8 … i64, u8 … u64, f16, bf16, f32, f64");
}

std::string Parser::string(const Tree& t, const char* what) const {
  if (t.is(TreeKind::string)) return t.text;
  if (t.is(TreeKind::name) && !names_.count(t.text))
    if (auto found = find(t.text))
      if (const auto* value = std::get_if<std::string>(&*found)) return *value;
  fail(t.at, fmt::format("expected {} as a string", what));
}

bool Parser::boolean(const Tree& t) const {
  if (t.is(TreeKind::name) && (t.text == "True" || t.text == "False")) return t.text == "True";
  if (t.is(TreeKind::name) && !names_.count(t.text))
    if (auto found = find(t.text))
      if (const auto* value = std::get_if<bool>(&*found)) return *value;
  fail(t.at, "expected True or False");
}

// ---- attributes

std::vector<Ref<Attr>> Parser::attrs(const Arguments& given) {
  std::vector<Ref<Attr>> out;
  for (const Tree* t : given.named) out.push_back(make(Attr{.name = t->text, .value = attr_value(t->children[0])}));
  return out;
}

Attr::Value Parser::attr_tuple(const Tree& t) {
  auto all = [&](auto accepts) { return std::all_of(t.children.begin(), t.children.end(), accepts); };
  if (all([](const Tree& x) { return x.is(TreeKind::integer); })) {
    std::vector<int64_t> out;
    for (const Tree& x : t.children) out.push_back(integer(x, "an element"));
    return List<int64_t>(std::move(out));
  }
  if (all([](const Tree& x) { return x.is(TreeKind::string); })) {
    std::vector<Name> out;
    for (const Tree& x : t.children) out.push_back(x.text);
    return List<Name>(std::move(out));
  }
  if (all([&](const Tree& x) { return is_literal(x) && (!x.is(TreeKind::call) || x.calls("nan")); })) {
    std::vector<double> out;
    for (const Tree& x : t.children) out.push_back(real(x));
    return List<double>(std::move(out));
  }
  return expr_tuple(t, "the sizes");
}

Attr::Value Parser::attr_value(const Tree& t) {
  auto items = [&] {
    return Tree{.kind = TreeKind::tuple, .at = t.at, .text = "", .children = {t.children.begin() + 1, t.children.end()}};
  };
  switch (t.kind) {
  case TreeKind::integer: return integer(t, "the value");
  case TreeKind::real: return real(t);
  case TreeKind::string: return Name(t.text);
  case TreeKind::tuple: return attr_tuple(t);
  case TreeKind::subscript:
    if (syntax::is_reserved(t.children[0].last_name())) return Opt<Type>(type(t));
    break;
  case TreeKind::name: {
    if (t.text == "True" || t.text == "False") return t.text == "True";
    if (t.text == "nan") return real(t);
    if (t.text == "None") fail(t.at, "None is no value of an attribute", "leave the attribute out, or write expr(None) or type(None)");
    if (auto type = parse_dtype(t.last_name())) return *type;
    auto found = find(t.text);
    if (!found) unknown(t, "the name");
    if (const auto* b = std::get_if<bool>(&*found)) return *b;
    if (const auto* i = std::get_if<int64_t>(&*found)) return *i;
    if (const auto* d = std::get_if<double>(&*found)) return *d;
    if (const auto* d = std::get_if<DType>(&*found)) return *d;
    if (const auto* s = std::get_if<std::string>(&*found)) return Name(*s);
    if (Opt<Node> node = find_node(t); as<Type>(node)) return as_opt<Type>(node);
    break;
  }
  case TreeKind::call: {
    if (t.calls("nan")) return real(t);
    bool none = t.children.size() == 2 && t.children[1].is(TreeKind::name) && t.children[1].text == "None";
    if (t.calls("expr")) return none ? Opt<Expr>() : Opt<Expr>(expr(*arguments(t, 1, 1, {}).plain[0]));
    if (t.calls("type")) return none ? Opt<Type>() : Opt<Type>(type(*arguments(t, 1, 1, {}).plain[0]));
    if (t.calls("sizes")) return expr_tuple(items(), "the sizes");
    if (t.calls("floats")) return arguments(t, 0).plain.empty() ? List<double>() : attr_value(items());
    if (t.calls("strings")) return arguments(t, 0).plain.empty() ? List<Name>() : attr_value(items());
    if (!is_generic(t)) break;
    Opt<Node> made = generic(t);
    if (as<Type>(made)) return as_opt<Type>(made);
    if (as<Expr>(made)) return as_opt<Expr>(made);
    fail(t.at, fmt::format("a {} is no value of an attribute", kind_name(made.node())));
  }
  default: break;
  }
  return Opt<Expr>(expr(t));
}

// ---- nodes by fields

bool Parser::is_generic(const Tree& t) const {
  return t.is(TreeKind::call) && t.children[0].is(TreeKind::name) && print::is_kind(t.children[0].last_name());
}

namespace {
template <class M> inline constexpr bool is_list = false;
template <class T> inline constexpr bool is_list<List<T>> = true;
template <class M> struct HandleOf { using type = void; };
template <class T> struct HandleOf<Opt<T>> { using type = T; };
template <class T> struct HandleOf<Ref<T>> { using type = T; };
} // namespace

template <class M> void Parser::field_value(M& out, const Tree& t, const char* field) {
  if constexpr (std::is_same_v<M, bool>) out = boolean(t);
  else if constexpr (std::is_same_v<M, int64_t>) out = integer(t, field);
  else if constexpr (std::is_same_v<M, double>) out = real(t);
  else if constexpr (std::is_same_v<M, DType>) out = dtype(t);
  else if constexpr (std::is_same_v<M, Name>) out = string(t, field);
  else if constexpr (std::is_same_v<M, Attr::Value>) out = attr_value(t);
  else if constexpr (std::is_same_v<M, Blob>) {
    if (!t.calls("blob")) fail(t.at, "expected blob(bytes=\"…\") or blob(hash=\"…\")");
    Arguments given = arguments(t, 0, 0, {"bytes", "hash"});
    if (given.named.size() != 1) fail(t.at, "expected one of bytes=\"…\", hash=\"…\"");
    out = blob(given, given.find("bytes"), given.find("hash"));
  } else if constexpr (NamedEnum<M>) {
    auto value = parse_enum<M>(string(t, field));
    if (!value)
      fail(t.at, fmt::format("'{}' is no value of '{}'", t.text, field), fmt::format("values are {}", fmt::join(enum_names(M{}), ", ")));
    out = *value;
  } else if constexpr (is_list<M>) {
    if (!t.is(TreeKind::tuple)) fail(t.at, fmt::format("expected '{}' as a tuple", field), "one item is written (x,), none ()");
    std::vector<typename M::value_type> items;
    for (const Tree& item : t.children) {
      using V = typename M::value_type;
      if constexpr (std::is_default_constructible_v<V>) {
        field_value(items.emplace_back(), item, field);
      } else {
        items.push_back(V(detail::placeholder(), 0));
        field_value(items.back(), item, field);
      }
    }
    out = M(std::move(items));
  } else handle_value(out, t, field);
}

template <class M> void Parser::handle_value(M& out, const Tree& t, const char* field) {
  using T = typename HandleOf<M>::type;
  constexpr bool optional = std::is_same_v<M, Opt<T>>;
  Opt<Node> made;
  if (t.is(TreeKind::name) && t.text == "None") {
    if constexpr (optional) {
      out = M();
      return;
    } else fail(t.at, fmt::format("the field '{}' cannot be None", field));
  }
  if constexpr (std::is_base_of_v<Expr, T>) made = expr(t);
  else if constexpr (std::is_base_of_v<Type, T>) made = type(t);
  else if constexpr (std::is_base_of_v<Operand, T>) made = operand(t);
  else if constexpr (std::is_same_v<T, Region>) made = region(t);
  else if (t.is(TreeKind::name)) made = find_node(t);
  else if (is_generic(t)) made = generic(t);
  if (!made && t.is(TreeKind::name)) unknown(t, "the name");
  if (!as<T>(made)) fail(t.at, fmt::format("'{}' cannot be the field '{}'", made ? kind_name(made.node()) : "this", field));
  out = M(made.node(), 0);
}

// Fields in the order of the list, whatever the order in the text: what introduces a name stands before what uses it.
template <class T> Opt<Node> Parser::generic_node(const Tree& t) {
  T x = blank<T>();
  Arguments given = arguments(t, 0);
  if (!given.plain.empty()) fail(given.plain[0]->at, fmt::format("fields of a {} have names", T::kind_name));
  std::vector<std::string> known;
  for_fields<T>([&](const auto& d) { known.push_back(d.name); });
  for (const Tree* f : given.named) {
    if (std::find(known.begin(), known.end(), f->text) == known.end())
      fail(f->at, fmt::format("a {} has no field '{}'", T::kind_name, f->text), fmt::format("it has {}", fmt::join(known, ", ")));
    if (given.find(f->text) != &f->children[0]) fail(f->at, fmt::format("the field '{}' is given twice", f->text));
  }
  for_fields<T>([&](const auto& d) {
    if (const Tree* f = given.find(d.name)) field_value(x.*d.member, *f, d.name);
    else if (!(d.flags & (defaulted | skip))) fail(t.at, fmt::format("the {} lacks its field '{}'", T::kind_name, d.name));
  });
  Ref<T> made = build(t.at, std::move(x));
  if constexpr (Identity<T>)
    if (!made->id.empty()) bind(t.at, made->id.str(), made);
  return made;
}

Opt<Node> Parser::generic(const Tree& t) {
  std::string_view kind = t.children[0].last_name();
  Opt<Node> out;
  [&]<class... T>(TypeList<T...>) { (void)(... || (kind == T::kind_name && (out = generic_node<T>(t), true))); }(NodeList{});
  return out;
}

} // namespace tw::parse_detail

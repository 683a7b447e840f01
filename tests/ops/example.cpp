// SPDX-License-Identifier: Apache-2.0
#include "ops/example.h"

#include <cctype>
#include <cmath>

namespace tw::testing {
namespace {
using interpreter::Array;

struct Literal {
  std::vector<int64_t> shape;
  std::vector<double> values;
  bool has_point = false, is_bool = false;
  std::optional<DType> type;
  bool none = false;
  std::string word; // a string or a bare name
  std::vector<Name> words;
};

List<int64_t> integers(const std::vector<double>& values) {
  std::vector<int64_t> out;
  for (double v : values) out.push_back(static_cast<int64_t>(v));
  return List<int64_t>(std::move(out));
}

class Parser {
public:
  explicit Parser(const std::string& text) : text_(text) {}
  Example example();

private:
  [[noreturn]] void fail(const std::string& expected) {
    throw user_error("example '{}': expected {} at '{}'", text_, expected, text_.substr(at_));
  }
  char peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string(1, c));
  }
  std::string word() {
    peek();
    size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  Literal literal();
  void number(Literal& out);
  void list(Literal& out, size_t depth);
  Literal named(const std::string& name);
  bool starts_number() {
    std::string_view rest = std::string_view(text_).substr(at_);
    return rest.starts_with("true") || rest.starts_with("false") || rest.starts_with("inf") || rest.starts_with("nan");
  }
  Array array(const Literal& l);
  Attr::Value attribute(const ops::OpDef& op, const std::string& name, const Literal& l);

  const std::string& text_;
  size_t at_ = 0;
};

void Parser::number(Literal& out) {
  peek();
  size_t begin = at_;
  while (at_ < text_.size() &&
         (std::isalnum(static_cast<unsigned char>(text_[at_])) || std::string_view(".+-").find(text_[at_]) != std::string_view::npos))
    ++at_;
  std::string token = text_.substr(begin, at_ - begin);
  if (token == "true" || token == "false") {
    out.is_bool = true;
    out.values.push_back(token == "true");
    return;
  }
  size_t used = 0;
  try {
    out.values.push_back(std::stod(token, &used));
  } catch (const std::exception&) {}
  if (used == 0 || used != token.size()) fail("a number");
  out.has_point = out.has_point || token.find_first_of(".ein") != std::string::npos;
}

void Parser::list(Literal& out, size_t depth) {
  expect('[');
  if (out.shape.size() <= depth) out.shape.push_back(-1);
  int64_t count = 0;
  while (peek() != ']') {
    char c = peek();
    if (c == '[') list(out, depth + 1);
    else if (std::isalpha(static_cast<unsigned char>(c)) && !starts_number()) out.words.emplace_back(word());
    else number(out);
    ++count;
    if (!take(',')) break;
  }
  expect(']');
  if (out.shape[depth] >= 0 && out.shape[depth] != count) fail("lists of one length");
  out.shape[depth] = count;
}

Literal Parser::named(const std::string& name) {
  Literal out;
  if (name == "none") {
    out.none = true;
    return out;
  }
  if (name == "zeros" || name == "arange") {
    expect('(');
    out.type = parse_dtype(word());
    expect(',');
    Literal shape = literal();
    expect(')');
    for (double s : shape.values) out.shape.push_back(static_cast<int64_t>(s));
    for (int64_t i = 0; i < interpreter::count_of(out.shape); ++i) out.values.push_back(name == "zeros" ? 0 : static_cast<double>(i));
    return out;
  }
  if (auto type = parse_dtype(name); type && take('(')) {
    out = literal();
    out.type = type;
    expect(')');
    return out;
  }
  out.word = name;
  return out;
}

Literal Parser::literal() {
  Literal out;
  char c = peek();
  if (c == '"') {
    ++at_;
    size_t end = text_.find('"', at_);
    if (end == std::string::npos) fail("the end of the string");
    out.word = text_.substr(at_, end - at_);
    at_ = end + 1;
  } else if (c == '[') {
    list(out, 0);
  } else if (std::isalpha(static_cast<unsigned char>(c))) {
    size_t begin = at_;
    std::string name = word();
    if (name != "true" && name != "false" && name != "inf" && name != "nan") return named(name);
    at_ = begin;
    number(out);
  } else {
    number(out);
  }
  return out;
}

Array Parser::array(const Literal& l) {
  DType type = l.type ? *l.type : l.is_bool ? boolean : l.has_point ? f32 : i64;
  return Array::of(type, l.shape, std::span<const double>(l.values));
}

Attr::Value Parser::attribute(const ops::OpDef& op, const std::string& name, const Literal& l) {
  for (const auto& spec : op.attributes) {
    if (spec.name != name) continue;
    auto convert = [&](const auto& d) -> Attr::Value {
      using T = std::remove_cvref_t<decltype(d)>;
      if constexpr (std::is_same_v<T, Name>) return Name(l.word);
      else if constexpr (std::is_same_v<T, DType>) return parse_dtype(l.word).value();
      else if constexpr (std::is_same_v<T, bool>) return l.values.at(0) != 0;
      else if constexpr (std::is_same_v<T, int64_t>) return static_cast<int64_t>(l.values.at(0));
      else if constexpr (std::is_same_v<T, double>) return l.values.at(0);
      else if constexpr (std::is_same_v<T, List<int64_t>>) return integers(l.values);
      else if constexpr (std::is_same_v<T, List<double>>) return List<double>(l.values);
      else if constexpr (std::is_same_v<T, List<Name>>) return List<Name>(l.words);
      else if constexpr (std::is_same_v<T, Opt<Expr>>) return Opt<Expr>(imm(static_cast<int64_t>(l.values.at(0))));
      else if constexpr (std::is_same_v<T, List<Ref<Expr>>>) {
        std::vector<Ref<Expr>> out;
        for (double v : l.values) out.push_back(imm(static_cast<int64_t>(v)));
        return List<Ref<Expr>>(std::move(out));
      } else throw user_error("attribute '{}' has a type that examples cannot write", name);
    };
    return std::visit(convert, spec.default_value);
  }
  throw user_error("example '{}': no attribute '{}'", text_, name);
}

Example Parser::example() {
  std::string name = word();
  const ops::OpDef* op = ops::find(name);
  if (!op) fail("the name of an operator");
  expect('(');
  std::vector<Opt<Operand>> args;
  std::vector<Ref<Attr>> attrs;
  std::vector<Array> inputs, expected;
  while (peek() != ')') {
    size_t begin = at_;
    std::string key = word();
    if (!key.empty() && peek() == '=') {
      ++at_;
      attrs.push_back(make(Attr{.name = key, .value = attribute(*op, key, literal())}));
    } else {
      at_ = begin;
      Literal l = literal();
      if (l.none) {
        args.emplace_back();
      } else {
        inputs.push_back(array(l));
        args.push_back(inputs.back().constant());
      }
    }
    if (!take(',')) break;
  }
  expect(')');
  expect('=');
  expect('=');
  if (take('(')) {
    while (peek() != ')') {
      expected.push_back(array(literal()));
      if (!take(',')) break;
    }
    expect(')');
  } else {
    expected.push_back(array(literal()));
  }
  if (peek()) fail("the end");
  std::sort(attrs.begin(), attrs.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return {make(OpCall{.op = name, .args = std::move(args), .attrs = std::move(attrs)}), std::move(inputs), std::move(expected)};
}

} // namespace

std::string show(const Array& a) {
  return fmt::format("{}({}) [{}]", to_string(a.dtype), fmt::join(a.shape, ", "), fmt::join(a.numbers(), ", "));
}

std::string difference(const Array& found, const Array& expected, double tolerance) {
  if (found.dtype != expected.dtype || found.shape != expected.shape)
    return fmt::format("found {}, expected {}", show(found), show(expected));
  for (int64_t i = 0; i < found.count(); ++i) {
    double x = found.number(i), y = expected.number(i);
    bool same = x == y || (std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= tolerance * std::max(1.0, std::fabs(y));
    if (!same) return fmt::format("element {}: found {}, expected {}\n  found    {}\n  expected {}", i, x, y, show(found), show(expected));
  }
  return "";
}

Example parse_example(const std::string& text) { return Parser(text).example(); }

std::string run_example(const std::string& text) {
  try {
    Example e = parse_example(text);
    auto found = interpreter::interpret_call(*e.call, e.inputs);
    if (found.size() != e.expected.size()) return fmt::format("{}: {} results, expected {}", text, found.size(), e.expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      if (std::string d = difference(found[i], e.expected[i]); !d.empty()) return text + ": " + d;
    return "";
  } catch (const std::exception& error) { return text + ": " + error.what(); }
}

std::vector<Array> run(Name op, const std::vector<std::optional<Array>>& args, std::vector<Ref<Attr>> attrs) {
  std::vector<Opt<Operand>> operands;
  std::vector<Array> inputs;
  for (const auto& a : args) {
    operands.push_back(a ? Opt<Operand>(a->constant()) : Opt<Operand>());
    if (a) inputs.push_back(*a);
  }
  return interpreter::interpret_call(*make(OpCall{.op = op, .args = std::move(operands), .attrs = std::move(attrs)}), inputs);
}

} // namespace tw::testing

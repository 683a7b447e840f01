// SPDX-License-Identifier: Apache-2.0
// Tokens to trees: the statements and expressions of Python that the text form uses, by recursive descent with operator levels.
#include "ir/syntax.h"

#include <algorithm>

namespace tw::syntax {
namespace {

class Reader {
public:
  explicit Reader(const Text& text) : text_(text), tokens_(tokenize(text)) {}

  std::vector<Statement> file() {
    std::vector<Statement> out;
    while (!at(TokenKind::end)) out.push_back(statement());
    return out;
  }
  Tree lone_expression() {
    Tree tree = tuple_expression();
    if (at(TokenKind::newline)) ++next_;
    if (!at(TokenKind::end)) expected("the end of the expression");
    return tree;
  }

private:
  // ---- tokens
  const Token& token() const { return tokens_[next_]; }
  bool at(TokenKind kind) const { return token().kind == kind; }
  bool at(std::string_view text) const { return (at(TokenKind::op) || at(TokenKind::name)) && token().text == text; }
  bool accept(std::string_view text) {
    if (!at(text)) return false;
    ++next_;
    return true;
  }
  [[noreturn]] void expected(std::string_view what, std::string hint = "") const {
    text_.fail(token().at, fmt::format("expected {}, found {}", what, describe(token())), std::move(hint));
  }
  size_t expect(std::string_view text, std::string_view where) {
    size_t place = token().at;
    if (!accept(text)) expected(fmt::format("'{}' {}", text, where));
    return place;
  }
  std::string identifier(std::string_view what) {
    if (!at(TokenKind::name)) expected(what);
    if (is_keyword(token().text)) text_.fail(token().at, fmt::format("expected {}, found the keyword '{}'", what, token().text));
    return tokens_[next_++].text;
  }
  static bool is_keyword(std::string_view word) {
    return is_reserved(word) && !parse_dtype(word) && word[0] >= 'a' && word[0] <= 'z' && word != "inf" && word != "nan";
  }

  // ---- limits
  struct Deeper {
    explicit Deeper(Reader& reader) : reader(reader) {
      if (++reader.depth_ > max_text_depth) reader.too_deep(reader.token().at);
    }
    ~Deeper() { --reader.depth_; }
    Reader& reader;
  };
  [[noreturn]] void too_deep(size_t place) const {
    text_.fail(place, fmt::format("nested more than {} deep", max_text_depth), "name a part of it in a statement before");
  }
  Tree finish(Tree tree) {
    if (++nodes_ > max_text_nodes) text_.fail(tree.at, fmt::format("the text has more than {} parts", max_text_nodes));
    for (const Tree& child : tree.children) tree.depth = std::max(tree.depth, child.depth + 1);
    if (tree.depth > max_text_depth) too_deep(tree.at);
    return tree;
  }
  template <class... T> Tree build(TreeKind kind, size_t place, std::string text, T... children) {
    Tree tree{.kind = kind, .at = place, .text = std::move(text)};
    tree.children.reserve(sizeof...(children));
    (tree.children.push_back(std::move(children)), ...);
    return finish(std::move(tree));
  }

  // ---- expressions
  Tree expression() {
    Deeper guard(*this);
    if (at("lambda")) return lambda();
    Tree value = operation(or_level);
    if (!at("if")) return value;
    size_t place = tokens_[next_++].at;
    Tree condition = operation(or_level);
    expect("else", "after the condition of 'a if condition else b'");
    Tree otherwise = expression();
    return build(TreeKind::conditional, place, "", std::move(value), std::move(condition), std::move(otherwise));
  }

  Tree lambda() {
    Tree tree{.kind = TreeKind::lambda, .at = token().at};
    ++next_;
    while (!at(":")) {
      size_t place = token().at;
      tree.children.push_back(build(TreeKind::name, place, identifier("a parameter of the lambda")));
      if (!accept(",")) break;
    }
    expect(":", "after the lambda's parameters");
    tree.children.push_back(expression());
    return finish(std::move(tree));
  }

  int level_here() const {
    if (!at(TokenKind::op) && !at("and") && !at("or")) return -1;
    auto op = operator_of(token().text);
    return op ? level_of(*op) : -1;
  }

  Tree operation(int level) {
    Tree left = unary(level);
    for (int here = level_here(); here >= level; here = level_here()) {
      const Token& symbol = tokens_[next_++];
      Tree right = operation(here + 1);
      left = build(TreeKind::binary, symbol.at, symbol.text, std::move(left), std::move(right));
      if (here == compare_level && level_here() == compare_level)
        text_.fail(token().at, "comparisons cannot be chained", "join them by 'and'");
    }
    if (at("in") || at("is") || at("**"))
      text_.fail(token().at, fmt::format("the operator '{}' does not exist here", token().text), at("**") ? "use pow(a, b)" : "");
    return left;
  }

  Tree unary(int level) {
    bool negation = at("not");
    if (!negation && !at("-") && !at("~") && !at("+")) return postfix();
    if (negation && level > not_level) expected("an operand", "put 'not …' in parentheses");
    Deeper guard(*this);
    const Token& symbol = tokens_[next_++];
    if (symbol.text == "+") return unary(level);
    // A sign joined to a number is part of the literal: -(5) is the negation of 5.
    if (symbol.text == "-" && (at(TokenKind::integer) || at(TokenKind::real) || at("inf"))) {
      const Token& number = tokens_[next_++];
      TreeKind kind = number.kind == TokenKind::integer ? TreeKind::integer : TreeKind::real;
      return trailers(build(kind, symbol.at, "-" + number.text));
    }
    Tree operand = negation ? operation(not_level) : unary(unary_level);
    return build(TreeKind::unary, symbol.at, symbol.text, std::move(operand));
  }

  Tree postfix() { return trailers(atom()); }

  Tree trailers(Tree tree) {
    while (true) {
      if (at("(")) tree = call(std::move(tree));
      else if (at("[")) tree = subscript(std::move(tree));
      else if (at(".")) {
        size_t place = tokens_[next_++].at;
        if (!tree.is(TreeKind::name)) text_.fail(place, "attributes of values do not exist here");
        tree.text += "." + identifier("a name after '.'");
      } else return tree;
    }
  }

  Tree atom() {
    const Token& here = token();
    switch (here.kind) {
    case TokenKind::integer: ++next_; return build(TreeKind::integer, here.at, here.text);
    case TokenKind::real: ++next_; return build(TreeKind::real, here.at, here.text);
    case TokenKind::string: {
      Tree tree = build(TreeKind::string, here.at, here.text);
      while (tokens_[++next_].kind == TokenKind::string) tree.text += token().text;
      return tree;
    }
    case TokenKind::name:
      if (here.text == "inf") return ++next_, build(TreeKind::real, here.at, "inf");
      return build(TreeKind::name, here.at, identifier("an expression"));
    default: break;
    }
    if (at("(") || at("[")) return parenthesised();
    expected("an expression");
  }

  Tree parenthesised() {
    size_t place = token().at;
    std::string close = at("(") ? ")" : "]";
    ++next_;
    Tree tuple{.kind = TreeKind::tuple, .at = place};
    bool comma = close == "]";
    while (!at(close)) {
      tuple.children.push_back(expression());
      if (!accept(",")) break;
      comma = true;
    }
    expect(close, comma ? "or ',' in a tuple" : "to close the parenthesis");
    if (!comma && tuple.children.size() == 1) return std::move(tuple.children[0]);
    return finish(std::move(tuple));
  }

  Tree call(Tree callee) {
    Tree tree{.kind = TreeKind::call, .at = callee.at};
    tree.children.push_back(std::move(callee));
    ++next_;
    while (!at(")")) {
      argument(tree);
      if (!accept(",")) break;
    }
    expect(")", "or ',' after an argument");
    return finish(std::move(tree));
  }

  void argument(Tree& call) {
    size_t place = token().at;
    if (accept("**")) {
      expect("{", "after '**'");
      while (!at("}")) {
        if (!at(TokenKind::string)) expected("a string as the key");
        std::string key = tokens_[next_++].text;
        size_t key_place = tokens_[next_ - 1].at;
        expect(":", "after the key");
        call.children.push_back(build(TreeKind::keyword, key_place, std::move(key), expression()));
        if (!accept(",")) break;
      }
      expect("}", "or ',' after a value");
      return;
    }
    if (at(TokenKind::name) && tokens_[next_ + 1].kind == TokenKind::op && tokens_[next_ + 1].text == "=") {
      std::string name = tokens_[next_].text;
      next_ += 2;
      call.children.push_back(build(TreeKind::keyword, place, std::move(name), expression()));
      return;
    }
    if (call.children.back().is(TreeKind::keyword)) text_.fail(place, "an argument without a name follows one with a name");
    call.children.push_back(expression());
  }

  Tree subscript(Tree base) {
    Tree tree{.kind = TreeKind::subscript, .at = base.at};
    size_t place = token().at;
    tree.children.push_back(std::move(base));
    ++next_;
    while (!at("]")) {
      tree.children.push_back(subscript_item());
      if (!accept(",")) break;
    }
    expect("]", "or ',' in the subscript");
    if (tree.children.size() == 1) text_.fail(place, "an empty subscript", "of rank 0 is written x[()]");
    return finish(std::move(tree));
  }

  Tree subscript_item() {
    size_t place = token().at;
    Tree low{.kind = TreeKind::absent, .at = place};
    if (!at(":")) low = expression();
    if (!at(":")) return low;
    place = tokens_[next_++].at;
    Tree high{.kind = TreeKind::absent, .at = token().at};
    if (!at("]") && !at(",")) high = expression();
    return build(TreeKind::slice, place, "", std::move(low), std::move(high));
  }

  // a, b without parentheses
  Tree tuple_expression() {
    size_t place = token().at;
    Tree first = expression();
    if (!at(",")) return first;
    Tree tuple{.kind = TreeKind::tuple, .at = place};
    tuple.children.push_back(std::move(first));
    while (accept(",")) {
      if (at(TokenKind::newline) || at(TokenKind::end) || at("=")) break;
      tuple.children.push_back(expression());
    }
    return finish(std::move(tuple));
  }

  // ---- statements
  Statement statement() {
    Deeper guard(*this);
    if (at(TokenKind::indent)) text_.fail(token().at, "unexpected indentation");
    Statement out{.at = token().at};
    if (++nodes_ > max_text_nodes) text_.fail(out.at, fmt::format("the text has more than {} parts", max_text_nodes));
    if (at("@") || at("def")) define(out);
    else if (at("for")) loop(out);
    else if (at("with")) with_item(out);
    else if (at("if")) branch(out);
    else if (accept("while")) {
      out.kind = StatementKind::repeat;
      out.value = expression();
      suite(out, out.body, "after the condition");
    } else {
      simple(out);
      end_of_line(out);
    }
    return out;
  }

  void end_of_line(Statement& out) {
    if (at(TokenKind::newline)) out.note = tokens_[next_++].note;
    else if (!at(TokenKind::end)) expected("the end of the line", at(";") ? "one statement on each line" : "");
  }

  void suite(Statement& owner, std::vector<Statement>& out, std::string_view where) {
    expect(":", where);
    if (!at(TokenKind::newline)) expected("the end of the line after ':'", "statements stand on lines of their own");
    if (owner.note.empty()) owner.note = token().note;
    ++next_;
    if (!at(TokenKind::indent)) expected("an indented statement after ':'", "write 'pass' for nothing");
    ++next_;
    while (!at(TokenKind::dedent)) out.push_back(statement());
    ++next_;
  }

  void define(Statement& out) {
    out.kind = StatementKind::define;
    while (accept("@")) {
      out.decorators.push_back(expression());
      if (!at(TokenKind::newline)) expected("the end of the line after the decorator");
      out.note = tokens_[next_++].note;
      if (!at("@") && !at("def")) expected("'def' after the decorator");
    }
    ++next_;
    out.name = identifier("the function's name");
    expect("(", "after the function's name");
    while (!at(")")) {
      Parameter parameter{.at = token().at, .name = identifier("a parameter"), .type = {}};
      parameter.type.at = parameter.at;
      if (accept(":")) parameter.type = expression();
      out.parameters.push_back(std::move(parameter));
      if (!accept(",")) break;
    }
    expect(")", "or ',' after a parameter");
    if (accept("->")) out.annotation = expression();
    suite(out, out.body, "after the function's signature");
  }

  void loop(Statement& out) {
    ++next_;
    out.kind = StatementKind::loop;
    size_t place = token().at;
    out.targets.push_back(build(TreeKind::name, place, identifier("the loop's variable")));
    expect("in", "after the loop's variable");
    out.value = expression();
    suite(out, out.body, "after the loop's range");
  }

  void with_item(Statement& out) {
    ++next_;
    out.kind = StatementKind::with;
    out.value = expression();
    if (accept("as")) {
      size_t place = token().at;
      out.targets.push_back(build(TreeKind::name, place, identifier("a name after 'as'")));
    }
    suite(out, out.body, "after 'with …'");
  }

  void branch(Statement& out) {
    Deeper guard(*this);
    ++next_;
    out.kind = StatementKind::branch;
    out.value = expression();
    suite(out, out.body, "after the condition");
    if (at("elif")) {
      Statement inner{.at = token().at};
      branch(inner);
      out.otherwise.push_back(std::move(inner));
    } else if (accept("else")) {
      Statement ignored;
      suite(ignored, out.otherwise, "after 'else'");
    }
  }

  void simple(Statement& out) {
    if (accept("pass")) return;
    if (at("from") || at("import")) {
      out.kind = StatementKind::import;
      while (!at(TokenKind::newline) && !at(TokenKind::end)) ++next_;
    } else if (accept("return")) {
      out.kind = StatementKind::give;
      out.value.at = token().at;
      if (!at(TokenKind::newline) && !at(TokenKind::end)) out.value = tuple_expression();
    } else if (accept("assert")) {
      out.kind = StatementKind::check;
      out.value = expression();
      if (accept(",")) out.annotation = expression();
    } else assignment(out);
  }

  void assignment(Statement& out) {
    Tree first = tuple_expression();
    if (!at(":") && !at("=")) {
      out.kind = StatementKind::expression;
      out.value = std::move(first);
      return;
    }
    if (first.is(TreeKind::tuple)) out.targets = std::move(first.children);
    else out.targets.push_back(std::move(first));
    for (const Tree& target : out.targets)
      if (!target.is(TreeKind::name) && !target.is(TreeKind::subscript))
        text_.fail(target.at, "only names and elements of buffers can be assigned to");
    out.kind = StatementKind::annotate;
    if (at(":")) {
      if (out.targets.size() != 1) expected("'='", "annotate the names one by one on lines before");
      if (!out.targets[0].is(TreeKind::name)) text_.fail(out.targets[0].at, "only names can be annotated");
      ++next_;
      out.annotation = expression();
    }
    if (!accept("=")) return;
    out.kind = StatementKind::assign;
    out.value = tuple_expression();
  }

  const Text& text_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int depth_ = 0;
  int64_t nodes_ = 0;
};

} // namespace

std::vector<Statement> read_file(const Text& text) { return Reader(text).file(); }
Tree read_expression(const Text& text) { return Reader(text).lone_expression(); }

} // namespace tw::syntax

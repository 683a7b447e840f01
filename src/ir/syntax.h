// SPDX-License-Identifier: Apache-2.0
// Text to a small Python syntax tree: tokens, expressions, statements, each with its place. Knows nothing of nodes; parse.h gives meaning.
//
// Depth and size are limited here (text.h), so that later stages may recurse over the tree.
#pragma once

#include "ir/node.h"
#include "ir/text.h"

namespace tw::syntax {

// The text and where it stands; makes errors. Places in it are byte offsets.
class Text {
public:
  Text(std::string_view text, const Source& source);
  std::string_view text() const { return text_; }
  const Source& source() const { return source_; }
  // Line and column in the user's file.
  std::pair<int64_t, int64_t> locate(size_t offset) const;
  [[noreturn]] void fail(size_t offset, std::string message, std::string hint = "") const;
  // "file:line:column", the line, a caret.
  std::string show(size_t offset) const;

private:
  std::string_view text_;
  Source source_;
  std::vector<size_t> lines_;
};

enum class TokenKind { name, integer, real, string, op, newline, indent, dedent, end };
struct Token {
  TokenKind kind;
  size_t at, length;
  std::string text;      // a string's contents; else as written
  std::string_view note; // newline: what follows `#@` on the line
};
std::vector<Token> tokenize(const Text& text);
std::string describe(const Token& token);

enum class TreeKind {
  name,
  integer,
  real,
  string,
  tuple,
  call,
  keyword,
  mapping,
  subscript,
  slice,
  absent,
  unary,
  binary,
  conditional,
  lambda
};
// name: text (dotted). integer, real, string: text. tuple: items. call: callee, arguments (keyword: text = value; mapping: `**{key: value,
// …}` as keywords). subscript: base, items. slice: two children, maybe absent. unary, binary: text is the operator. conditional: a,
// condition, b. lambda: text empty, children are name trees of the parameters and the result last. A list is a tuple.
struct Tree {
  TreeKind kind = TreeKind::absent;
  size_t at = 0;
  std::string text;
  std::vector<Tree> children;
  int depth = 1;
  bool is(TreeKind k) const { return kind == k; }
  // The last part of a dotted name.
  std::string_view last_name() const;
  // A call of the name.
  bool calls(std::string_view name) const;
};

enum class StatementKind { assign, annotate, expression, loop, with, branch, repeat, define, give, pass, check, import };
struct Parameter {
  size_t at;
  std::string name;
  Tree type; // absent if none
};
struct Statement {
  StatementKind kind = StatementKind::pass;
  size_t at = 0;
  std::string name;                  // define
  std::vector<Tree> targets;         // assign, annotate, loop; with: the name after `as`, if any
  Tree value;                        // assign, expression, loop (what is iterated), with (item), branch and repeat (condition), give, check
  Tree annotation;                   // assign, annotate; define: the result type; check: the message
  std::vector<Parameter> parameters; // define
  std::vector<Tree> decorators;      // define
  std::vector<Statement> body, otherwise;
  std::string_view note;
};

std::vector<Statement> read_file(const Text& text);
Tree read_expression(const Text& text);

// How tightly operators bind: shared by reader and printer.
inline constexpr int conditional_level = 0, or_level = 1, and_level = 2, not_level = 3, compare_level = 4, unary_level = 11,
                     postfix_level = 12;
int level_of(BinaryOp op);
// The operator as written; null for min and max, which are calls.
const char* symbol_of(BinaryOp op);
std::optional<BinaryOp> operator_of(std::string_view symbol);

bool is_identifier(std::string_view text);
// Words that no variable may have: keywords, data types, literals, type names.
bool is_reserved(std::string_view word);
// A string literal.
std::string quote(std::string_view text);
// The candidate nearest to the word, if near enough to be a slip of the pen.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);
// A hint: that one, or else all of them, behind `heading`.
std::string nearest_or_all(std::string_view word, const std::vector<std::string>& candidates, std::string_view heading = "there are");

} // namespace tw::syntax

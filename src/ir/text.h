// SPDX-License-Identifier: Apache-2.0
// The text form of nodes: Python syntax, printed deterministically, read back exactly.
//
//   parse(to_text(module)) is equal to the module, and printing it again gives the same text
//
// The grammar is in docs/ir.md. Both sides derive from the field lists: a node without a form of its own is `Kind(field=value, …)`.
#pragma once

#include "ir/derived.h"

#include <functional>

namespace tw {

struct PrintOptions {
  bool fields = false;        // every node as Kind(field=value, …): the node as it is, for looking closely
  bool origins = false;       // `#@ model "Conv_0"` after statements
  const Node* mark = nullptr; // a statement to point at: `# <--` after its line
};
std::string to_text(const Node* n, const PrintOptions& options);
template <class T> std::string to_text(const Opt<T>& n, const PrintOptions& options) { return to_text(n.node(), options); }
// The first line only, at most `width` characters: for messages.
std::string to_short_text(const Node* n, size_t width = 120);

// Where the text stands: `line` and `column` (from 1) are those of its first character. Nodes get this as their origin if there is a file.
struct Source {
  std::string file;
  int64_t line = 1, column = 1;
};

// A name that the text does not define: a plain value or a node (variable, buffer, value, constant, type).
using Captured = std::variant<bool, int64_t, double, DType, std::string, Ref<Node>>;
struct Scope {
  std::unordered_map<std::string, Ref<Node>> names;
  std::function<std::optional<Captured>(const std::string& name)> find; // asked for what is not in `names`
  // The types of an operation's results, for values without an annotation; without it, an annotation is required.
  std::function<std::vector<Ref<Type>>(const Operation&)> result_types;
};

// A file: constants, functions, kernels. Throws a user error with line, column and caret.
Ref<Module> parse(std::string_view text, const Source& source = {}, const Scope& captured = {});

enum class Fragment { expression, statement, type, callable, node };
// A part of a module; names that it does not introduce come from `captured`. Fragment::node takes an expression, a type, a callable or any
// `Kind(field=value, …)`.
Opt<Node> parse_fragment(std::string_view text, Fragment fragment, const Source& source = {}, const Scope& captured = {});
Ref<Expr> parse_expression(std::string_view text, const Scope& captured = {});
Ref<Stmt> parse_statement(std::string_view text, const Scope& captured = {});
Ref<Type> parse_type(std::string_view text, const Scope& captured = {});

// What a text may use at most: nesting (statements that open a scope included) and syntax nodes.
inline constexpr int max_text_depth = 1000;
inline constexpr int64_t max_text_nodes = 20'000'000;

} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// The parser's state, shared by parse*.cpp: from syntax trees to nodes. Every rejection names the place and what was expected; what a
// node's finish() refuses becomes an error at the place of its text.
#pragma once

#include "ir/build.h"
#include "ir/print.h"

#include <unordered_set>

namespace tw::parse_detail {

using print::Hint;
using syntax::Statement;
using syntax::StatementKind;
using syntax::Tree;
using syntax::TreeKind;
using Statements = std::span<const Statement>;

class Parser {
public:
  Parser(const syntax::Text& text, const Scope& captured) : text_(text), captured_(captured) {}
  Ref<Module> module(Statements file);
  Opt<Node> fragment_statements(Statements statements, Fragment fragment);
  Ref<Stmt> suite(Statements statements);
  Ref<Expr> expr(const Tree& t, const Hint& hint = {});
  Ref<Type> type(const Tree& t);
  Opt<Node> node(const Tree& t);

private:
  [[noreturn]] void fail(size_t at, std::string message, std::string hint = "") const {
    text_.fail(at, std::move(message), std::move(hint));
  }
  // Runs f; an internal error (what finish() refuses) becomes the user's, at the place.
  template <class F> auto at(size_t place, F&& f) -> decltype(f()) {
    try {
      return f();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::internal) throw;
      std::string message = error.message();
      // "check failed: condition: sentence"
      if (message.starts_with("check failed: "))
        if (size_t end = message.find(": ", 14); end != std::string::npos) message = message.substr(end + 2);
      fail(place, message);
    }
  }
  template <NodeType T> Ref<T> build(size_t place, T&& value) {
    return at(place, [&] { return make(std::move(value)); });
  }

  // ---- parse.cpp: names
  class Names {
  public:
    explicit Names(Parser& parser) : parser_(parser), mark_(parser.shadowed_.size()) {}
    ~Names();

  private:
    Parser& parser_;
    size_t mark_;
  };
  // Scopes inside each other are limited: walks over the nodes recurse.
  class Depth {
  public:
    Depth(Parser& parser, size_t place);
    ~Depth();

  private:
    Parser& parser_;
  };
  void bind(size_t place, const std::string& name, const Ref<Node>& node);
  // What the name stands for; empty if nothing.
  std::optional<Captured> find(const std::string& name) const;
  Opt<Node> find_node(const Tree& t) const;
  [[noreturn]] void unknown(const Tree& t, std::string_view what) const;
  Opt<Origin> origin_for(const Statement& s) const;

  struct Arguments {
    std::vector<const Tree*> plain;
    std::vector<const Tree*> named;
    const Tree* find(std::string_view name) const;
  };
  Arguments arguments(const Tree& call, size_t skip) const;
  // Complains about other names, too few or too many plain arguments.
  Arguments arguments(const Tree& call, size_t least, size_t most, std::initializer_list<std::string_view> names) const;

  // ---- parse.cpp: modules
  void top_level(const Statement& s, std::vector<Ref<Attr>>& attributes);
  Ref<Callable> callable(const Statement& s);
  Ref<Function> function(const Statement& s, const Tree& decorator);
  Ref<Kernel> kernel(const Statement& s, const Tree& decorator);
  struct Head {
    Name id;
    std::vector<Ref<Var>> dims;
    std::vector<Ref<Attr>> attrs;
  };
  Head head(const Statement& s, const Tree& decorator);
  void check_parameters(const Statement& s) const;
  Ref<Param> parameter(const syntax::Parameter& p);

  // ---- parse_graph.cpp
  struct Pending;
  Ref<Body> body(const Statement& s, const Tree* result_types);
  void graph_statement(const Statement& s, Pending& pending);
  void graph_assign(const Statement& s, Pending& pending);
  void bind_results(const Statement& s, const std::vector<std::string>& names, Pending& pending);
  void give(const Statement& s, Pending& pending, const Tree* result_types);
  Ref<Operation> operation(const Tree& t, const std::vector<Opt<Value>>& values);
  Ref<Operation> branch(const Tree& t);
  Ref<Operation> loop(const Tree& t);
  Ref<Operation> invoke(const Tree& t, const std::string& callee, size_t skip, const std::vector<Opt<Value>>& values);
  Ref<Operation> op_call(const Tree& t, const std::string& op, size_t skip);
  // The type of a value, maybe with its place in memory.
  Ref<Value> value(const std::string& id, const Tree& annotation);
  Ref<Body> local_body(const Tree& t);
  Opt<Operand> operand(const Tree& t);
  Ref<Operand> required_operand(const Tree& t);
  Ref<Constant> constant(const Tree& t, const std::string& id);
  Blob elements(const Tree& t, DType type, size_t count);
  Blob blob(const Arguments& given, const Tree* bytes, const Tree* hash);

  // ---- parse_stmt.cpp
  std::vector<Ref<Stmt>> items(Statements statements);
  static Ref<Stmt> one(std::vector<Ref<Stmt>> made);
  Ref<Stmt> statement(const Statement& s);
  Ref<Stmt> expression_statement(const Statement& s);
  Ref<Stmt> loop_statement(const Statement& s);
  Ref<Stmt> with_statement(const Statement& s);
  Ref<Stmt> block(const Statement& s);
  Ref<Iter> iter(const Tree& name, const Tree& t);
  Ref<Stmt> register_tile(const Statement& s);
  Ref<Stmt> store(size_t place, const Tree& target, const Tree& value, const Tree* mask);
  Ref<Expr> condition(const Tree& t);
  Ref<Buffer> buffer(const std::string& id, const Tree& t);
  Ref<Var> variable(const std::string& id, const Tree* facts, DType type);
  std::string target_name(const Statement& s);
  std::vector<std::pair<const Tree*, const Tree*>> targets(const Statement& s);

  // ---- parse_expr.cpp
  std::pair<Ref<Expr>, Ref<Expr>> pair(const Tree& a, const Tree& b, const Hint& hint);
  // A number without a type; the same or one inside `f32(…)`.
  bool is_number(const Tree& t) const;
  bool is_literal(const Tree& t) const;
  Ref<Expr> number(const Tree& t, DType type);
  Ref<Expr> number(size_t place, double value, DType type);
  Ref<Expr> name_expr(const Tree& t, const Hint& hint);
  Ref<Expr> unary(const Tree& t, const Hint& hint);
  Ref<Expr> binary(const Tree& t, const Hint& hint);
  Ref<Expr> call(const Tree& t, const Hint& hint);
  int64_t lanes(const Tree& t);
  Ref<Expr> intrinsic(const Tree& t, const std::string& name, size_t skip, const Hint& hint);
  Ref<Expr> lambda(const Tree& t);
  Ref<Expr> load(const Tree& t, const Tree* mask);
  Ref<Buffer> buffer_of(const Tree& t);
  std::vector<const Tree*> indices(const Tree& t, const Buffer& buffer);
  std::vector<Ref<Expr>> index_list(const Tree& t, const Buffer& buffer);
  Ref<Region> region(const Tree& t);
  Ref<Expr> extent_of(const Tree& high, const Ref<Expr>& low);
  List<Ref<Expr>> expr_tuple(const Tree& t, const char* what);

  // ---- parse_fields.cpp: values, and nodes from their field lists
  Attr::Value attr_value(const Tree& t);
  Attr::Value attr_tuple(const Tree& t);
  std::vector<Ref<Attr>> attrs(const Arguments& given);
  int64_t integer(const Tree& t, const char* what) const;
  double real(const Tree& t);
  DType dtype(const Tree& t);
  std::string string(const Tree& t, const char* what) const;
  bool boolean(const Tree& t) const;
  bool is_generic(const Tree& t) const;
  Opt<Node> generic(const Tree& t);
  template <class T> Opt<Node> generic_node(const Tree& t);
  template <class M> void field_value(M& out, const Tree& t, const char* field);
  template <class M> void handle_value(M& out, const Tree& t, const char* field);

  const syntax::Text& text_;
  const Scope& captured_;
  std::unordered_map<std::string, Ref<Node>> names_;
  std::vector<std::pair<std::string, Opt<Node>>> shadowed_;
  std::unordered_set<std::string> callees_;
  int depth_ = 0;
};

} // namespace tw::parse_detail

// SPDX-License-Identifier: Apache-2.0
// The printer's state, shared by print*.cpp. Names first, then text: each identity gets the name it asks for, or that name with a suffix if
// a visible one has it already; a name is free again where its scope ends.
#pragma once

#include "ir/build.h"
#include "ir/syntax.h"

#include <unordered_set>

namespace tw::print {

// What a bare literal means where it stands; empty: i64 or f32.
using Hint = std::optional<DType>;

// The type of a bare literal under a hint: the rule that printer and parser share.
inline DType implied_type(bool real, const Hint& hint) {
  if (real) return hint && hint->is_float() ? *hint : f32;
  return hint && (hint->is_int() || hint->is_float()) ? *hint : i64;
}
std::string float_text(double value, DType type);

class Printer {
public:
  explicit Printer(const PrintOptions& options) : options_(options) {}
  std::string whole(const Node* n);

private:
  // ---- print.cpp: names
  class NameScope {
  public:
    explicit NameScope(Printer& printer) : printer_(printer), mark_(printer.taken_order_.size()) {}
    ~NameScope();

  private:
    Printer& printer_;
    size_t mark_;
  };
  std::string claim(std::string_view wanted, std::string_view otherwise);
  std::string define(const Node* identity);
  std::string name(const Node* identity);
  void name_free_identities(const Node* n);
  void line(std::string_view text, const Node* origin = nullptr);

  // ---- print.cpp: modules and graphs
  void module(const Module& m);
  void collect_constants(const Module& m);
  void callable(const Node* n);
  void function(const Function& f);
  void kernel(const Kernel& k);
  std::string decorator(const char* kind, const Name& id, std::string& printed_id, const List<Ref<Var>>& dims,
                        const List<Ref<Attr>>& attrs);
  std::string graph_parameters(const Body& body);
  std::string value_type(const Value& v);
  void body(const Body& b);
  void binding(const Binding& b);
  std::string local_function(const Body& body, const char* wanted);
  std::string operation(const Node* n, const Binding& binding);
  std::string op_call(const OpCall& call);
  std::string invoke(const Invoke& call, const Binding& binding);
  std::string operand(const Node* n);

  // ---- print_stmt.cpp
  void suite(const Node* n);
  void statements(const Node* n);
  void statement(const Node* n, bool last);
  void block(const Block& b);
  void register_tile(const RegisterTile& t);
  void branch(const If& s, const char* word);
  std::string loop_range(const For& s);
  std::string fact_argument(const Var& v, DType implied);
  std::string facts(const Var& v, DType implied);
  std::string target(const Node* buffer, const List<Ref<Expr>>& index);
  std::string allocation(const Buffer& b);

  // ---- print_expr.cpp
  std::string expr(const Node* n, const Hint& hint = {}, int level = 0);
  std::string typed_literal(DType type, bool real, const std::string& digits, const Hint& hint);
  std::string binary_expr(const Binary& e, const Hint& hint, int level);
  std::string pair(const Node* a, const Node* b, const Hint& hint, std::string_view separator, int left_level, int right_level);
  std::string call(const Call& e, const Hint& hint);
  std::string lambda(const Lambda& e, int level);
  std::string region(const Region& r);
  std::string tuple(const List<Ref<Expr>>& items);
  std::string index_list(const List<Ref<Expr>>& index);
  std::string type(const Node* n);
  std::string constant(const Constant& c);
  std::string attr_value(const Attr::Value& v);
  std::string attr_arguments(const List<Ref<Attr>>& attrs, std::unordered_set<std::string> used);

  // ---- print_fields.cpp: from the field lists. Kind(field=value, …)
  std::string generic(const Node* n);
  std::string inner(const Node* n, bool defines);
  template <class T> std::string value(const T& v, bool defines);

  const PrintOptions& options_;
  std::string out_;
  int indent_ = 0;
  std::unordered_map<const Node*, std::string> names_;
  std::unordered_set<std::string> taken_;
  std::vector<std::string> taken_order_;
  std::unordered_map<std::string, int> suffixes_; // the last one tried; forgotten where names become free
  std::unordered_map<const Node*, std::string> constants_;
  std::unordered_set<std::string> callees_;
};

// bytes="…" or hash="…"
std::string blob_text(const Blob& blob);
std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");
// (a, b), (a,) or ()
std::string tuple_text(const std::vector<std::string>& parts);

// Words that a call of an operator or intrinsic cannot begin with, because they mean something else there.
bool is_kind(std::string_view word);
bool is_graph_word(std::string_view word);
bool is_expression_word(std::string_view word);

} // namespace tw::print

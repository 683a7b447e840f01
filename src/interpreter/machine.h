// SPDX-License-Identifier: Apache-2.0
// The interpreter's machine: expressions and statements become closures over a Frame of slots (variables) and memories (buffers).
//
// A Value is an integer, sign- or zero-extended to 64 bits, or a double that holds a value of the narrower float exactly: one rounding to
// the narrower type after each operation then gives IEEE results at that width (double has more than twice the digits plus two).
// A vector expression is evaluated lane by lane (Frame::lane), which is why a closure gives one Value only. Maps, which are most of what
// constant folding computes, run by rows of iterations instead: one step of the machine for a few hundred elements.
#pragma once

#include "ir/derived.h"

#include <functional>

namespace tw::interpreter {

union Value {
  int64_t i;
  double f;
};
inline Value integer(int64_t i) { return Value{.i = i}; }
inline Value real(double f) { return Value{.f = f}; }

struct Memory {
  std::byte* data = nullptr;
  std::vector<uint8_t>* written = nullptr; // one for each element; null: all are
  bool read_only = false;
  int64_t elements = 0;
  std::vector<int64_t> sizes, strides;
};

struct Frame {
  std::vector<Value> slots;
  std::vector<Memory> memories;
  int64_t lane = 0;
  int64_t epoch = 0; // counts evaluations: a cached value of an earlier one is stale
  std::vector<std::pair<int64_t, Value>> cache;
};

using Code = std::function<Value(Frame&)>;
using Action = std::function<void(Frame&)>;

// Turns expressions into closures. Variables and buffers get their slots at first sight.
class ExpressionCompiler {
public:
  // One complete expression: what occurs in it several times is evaluated once.
  Code compile(const Ref<Expr>& e);
  int slot(const Node* variable, int lanes = 1);
  int memory(const Buffer* buffer);
  // The place of an access in its memory, checked against the sizes; the error names buffer, index and verb.
  std::function<int64_t(Frame&)> place(const Buffer* buffer, const List<Ref<Expr>>& index, const char* verb);
  // The same as an expression of its own.
  std::function<int64_t(Frame&)> place_alone(const Buffer* buffer, const List<Ref<Expr>>& index, const char* verb) {
    cached_.clear();
    return place(buffer, index, verb);
  }
  Frame frame() const;

private:
  Code build(const Ref<Expr>& e);
  Code build_new(const Ref<Expr>& e);
  Code load(const Load& e);
  Code shuffle(const Shuffle& e);
  Code intrinsic(const Call& e);
  Code variable(const Var& v);

  std::unordered_map<const Node*, int> slots_, memories_;
  std::unordered_map<const Node*, int> cached_; // what occurs several times in the expression being compiled
  std::unordered_map<const Node*, Code> shared_code_;
  std::vector<Opt<Node>> keep_; // nodes made while compiling live as long as their slots
  int slot_count_ = 0, cache_count_ = 0;
};

// The arithmetic, in scalar_code.cpp: of one value, and of `count` values side by side (`b` is not read where there is one operand).
using RowOperation = std::function<void(const Value* a, const Value* b, Value* out, size_t count)>;
Code unary_code(UnaryOp op, DType type, Code a);
Code binary_code(BinaryOp op, DType type, Code a, Code b);
Code cast_code(DType to, DType from, Code a);
RowOperation unary_rows(UnaryOp op, DType type);
RowOperation binary_rows(BinaryOp op, DType type);
RowOperation cast_rows(DType to, DType from);
// A call of an intrinsic that has a value: `args` are its arguments, each `count` values.
constexpr size_t most_arguments = 4;
using RowCall = std::function<void(const Value* const* args, Value* out, size_t count)>;
RowCall call_rows(const Call& e);
double round_to(DType type, double value);
int64_t wrap_to(DType type, int64_t value);
// An element in memory.
Value read_element(DType type, const std::byte* at);
void write_element(DType type, std::byte* at, Value v);

// The nest as rows (rows.cpp); empty if it is no map. `compile` gives the body of its innermost loop.
Action compile_rows(const For& nest, FunctionRef<Action(const Ref<Stmt>&)> compile, ExpressionCompiler& expressions, int64_t* steps);

} // namespace tw::interpreter

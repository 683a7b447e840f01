// SPDX-License-Identifier: Apache-2.0
// What an operator is: one constant of OpDef in a file of its own, src/ops/<family>/<name>.cpp. It holds everything: attributes, the type
// rule, the meaning as loops (compute) or as other operators (decompose), how it fuses, what layout does to it, documentation, examples.
//
//   struct LeakyRelu { double alpha = 0.01; static constexpr auto fields = std::tuple{field("alpha", &LeakyRelu::alpha)}; };
//   extern const OpDef leaky_relu = define<LeakyRelu>({
//       .doc = "x where x >= 0, else alpha * x", .inputs = {"x: float"}, .type = same_as(0), .fusion = Fusion::elementwise,
//       .compute = [](Compute& c) { auto a = c.attrs<LeakyRelu>(); auto x = c.input(0);
//         c.output(0, [&](Indices i) { return select(x(i) >= c.literal(0), x(i), x(i) * c.literal(a.alpha)); }); },
//       .examples = {"leaky_relu([-1.0, 2.0], alpha=0.5) == [-0.5, 2.0]"}});
//
// CMake lists the folder and writes the table; builder methods, Python functions, text and the reference pages derive from it.
#pragma once

#include "ir/build.h"
#include "ops/attributes.h"

#include <functional>

namespace tw::ops {

// How an operator may join others in one kernel.
enum class Fusion {
  elementwise, // out[i] depends on in[i] (or a broadcast of it) alone
  injective,   // out[i] depends on one element of each input, at another place (transpose, slice, concat, pad, gather)
  reduction,   // reduces axes of one input
  product,     // a reduction of products: takes elementwise consumers as its epilogue
  opaque,      // stands alone
};
consteval auto enum_names(Fusion) { return std::array{"elementwise", "injective", "reduction", "product", "opaque"}; }

// What changing the order of dimensions means to the operator, see passes/graph/assign_layout.
enum class Layout {
  any_common,    // elementwise: all inputs and outputs in one layout, broadcasting inputs too
  channels_last, // has a twin for channels-last data: attribute `channels_last`
  axis,          // has an attribute `axis` (or `axes`) that follows the permutation
  fixed,         // keeps the declared layout
};
consteval auto enum_names(Layout) { return std::array{"any_common", "channels_last", "axis", "fixed"}; }

// ---- types
// What a type rule sees. Rules check everything that the operator demands of its inputs: rank, element types, attributes, sizes that can be
// proven wrong; sizes that only might be wrong become assumptions, checked at run time. All messages name what was expected and found.
class TypeContext {
public:
  TypeContext(const OpCall& call) : call_(call) {}
  size_t count() const { return call_.args.size(); }
  bool has(size_t i) const { return i < call_.args.size() && call_.args[i]; }
  // Throws a user error if the argument is absent or no tensor.
  Ref<TensorType> tensor(size_t i) const;
  Shape shape(size_t i) const { return tensor(i)->shape; }
  DType element(size_t i) const { return tensor(i)->element; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(shape(i).size()); }
  // The contents of a constant integer (or float) input, if it is one.
  std::optional<std::vector<int64_t>> constant_ints(size_t i) const;
  template <class A> A attrs() const { return attrs_of<A>(call_); }

  // Dimensions that must be equal; gives the better known one. Adds an assumption if that is not provable; user error if provably unequal.
  Ref<Expr> same(const Ref<Expr>& a, const Ref<Expr>& b, const char* what);
  // NumPy broadcasting of all shapes.
  Shape broadcast(const std::vector<Shape>& shapes);
  // 0 <= result < rank; user error naming the attribute otherwise.
  static int64_t normalise_axis(int64_t axis, int64_t rank, const char* attribute = "axis");
  void assume(const Ref<Expr>& condition, std::string text);

  struct Assumption {
    Ref<Expr> condition;
    std::string text;
  };
  const std::vector<Assumption>& assumptions() const { return assumptions_; }

private:
  const OpCall& call_;
  std::vector<Assumption> assumptions_;
};
using Types = std::vector<Ref<TensorType>>;
using TypeRule = std::function<Types(TypeContext&)>;
TypeRule same_as(size_t input);
TypeRule same_shape(DType element);       // the shape of input 0 with another element type
TypeRule broadcast_all();                 // numeric: broadcast shape, element of input 0; all inputs of one element type
TypeRule broadcast_all_to(DType element); // comparisons

// ---- compute
using Indices = std::vector<Ref<Expr>>;

// A tensor inside a kernel being built: reading it at indices gives an expression.
class Tensor {
public:
  explicit Tensor(Ref<Buffer> buffer) : buffer_(std::move(buffer)) {}
  Ref<Expr> operator()(const Indices& i) const { return load(buffer_, i); }
  const Shape& shape() const { return buffer_->shape; }
  const Ref<Expr>& size(size_t d) const { return buffer_->shape[d]; }
  size_t rank() const { return buffer_->shape.size(); }
  DType element() const { return buffer_->element; }
  const Ref<Buffer>& buffer() const { return buffer_; }
  // Reads at the trailing dimensions of `i`, with index 0 where this tensor's size is the literal 1 (NumPy broadcasting).
  Ref<Expr> broadcast(const Indices& i) const;
  // Reads where the condition holds; elsewhere touches nothing and gives zero.
  Ref<Expr> where(const Ref<Expr>& condition, const Indices& i) const;

private:
  Ref<Buffer> buffer_;
};

// Builds the unscheduled kernel of one operator call: each method emits loops with one Block. The same loops are what the reference
// interpreter runs, what schedules transform, and what is compiled.
class Compute {
public:
  Compute(const OpCall& call, std::vector<Opt<Buffer>> inputs, std::vector<Ref<Buffer>> outputs, Name prefix);

  template <class A> A attrs() const { return attrs_of<A>(call_); }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i]; }
  size_t input_count() const { return inputs_.size(); }
  Tensor input(size_t i) const;
  Tensor output(size_t i) const { return Tensor(outputs_[i]); }
  // Operators that want the call itself (its name in messages, its arguments' types).
  const OpCall& call() const { return call_; }
  // A literal of input 0's element type (output 0's if there is no input).
  Ref<Expr> literal(double value) const;

  using Map = std::function<Ref<Expr>(Indices)>;
  using Fold = std::function<Ref<Expr>(Indices, Indices)>;
  // out[i] = map(i) for all i of output k.
  void output(size_t k, const Map& map);
  // An intermediate tensor.
  Tensor tensor(Name id, const Shape& shape, DType element, const Map& map);
  // t[i] = combine over r of fold(i, r), from the neutral element of `combine`. One block with `init`; only where an extent may be zero, an
  // `If (extent == 0)` that fills with the neutral element stands before it.
  Tensor reduce(Name id, const Shape& shape, DType element, Combine combine, const Shape& extents, const Fold& fold);
  void reduce_output(size_t k, Combine combine, const Shape& extents, const Fold& fold);
  // An uninitialised intermediate buffer for raw statements.
  Tensor scratch(Name id, const Shape& shape, DType element);
  // The next block gets the hint: what its rule needs and cannot read off the loops.
  void hint(Name key, int64_t value) { hints_.push_back(make(Attr{.name = key, .value = value})); }
  // What is neither map nor fold (sorting, recurrences, scatter): plain loops, not rescheduled; outer For(parallel) is honoured.
  void raw(const Ref<Stmt>& statement);

  // The statements so far, and the intermediates to allocate around them.
  const std::vector<Ref<Stmt>>& statements() const { return statements_; }
  const std::vector<Ref<Buffer>>& intermediates() const { return intermediates_; }

private:
  void emit(const Ref<Buffer>& target, const Shape& shape, const Map& map);
  void emit_reduce(const Ref<Buffer>& target, const Shape& shape, Combine combine, const Shape& extents, const Fold& fold);
  Name unique(const std::string& id);

  const OpCall& call_;
  std::vector<Opt<Buffer>> inputs_;
  std::vector<Ref<Buffer>> outputs_;
  std::vector<Ref<Stmt>> statements_;
  std::vector<Ref<Buffer>> intermediates_;
  std::vector<Ref<Attr>> hints_;
  std::string prefix_;
};

Ref<Expr> neutral(Combine combine, DType type);
Ref<Expr> combine_values(Combine combine, const Ref<Expr>& a, const Ref<Expr>& b);

// ---- decompose
// Emits operator calls into a body being built; each call is typed by its rule at once. Used by importers, decompositions and passes.
class GraphBuilder {
public:
  virtual ~GraphBuilder() = default;
  // One result.
  Ref<Value> call(Name op, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs = {});
  std::vector<Ref<Value>> call_all(Name op, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs = {});
  // Integer tensor whose elements become symbolic sizes: dims of the binding.
  std::vector<Ref<Var>> read_sizes(const Ref<Operand>& tensor, const std::vector<std::string>& names);
  Ref<Constant> constant(const Ref<TensorType>& type, Blob data, Name id = "");
  Ref<Constant> scalar(double value, DType type);
  Ref<Constant> ints(std::vector<int64_t> values);
  virtual void emit(const Ref<Binding>& binding) { bindings_.push_back(binding); }
  const std::vector<Ref<Binding>>& bindings() const { return bindings_; }
  std::string unique(const std::string& id);

private:
  std::vector<Ref<Binding>> bindings_;
  std::unordered_map<std::string, int> names_;
};

struct DecomposeContext {
  GraphBuilder& graph;
  const OpCall& call;
  template <class A> A attrs() const { return attrs_of<A>(call); }
  bool has(size_t i) const { return i < call.args.size() && call.args[i]; }
  Ref<Operand> arg(size_t i) const;
};

// ---- symbolic contents
// Contents of small integer tensors as expressions over dims (shape arithmetic): elements in row-major order.
struct Contents {
  Shape shape;
  std::vector<Ref<Expr>> elements;
};
struct FoldContext {
  const OpCall& call;
  std::vector<const Contents*> inputs; // null where unknown
  template <class A> A attrs() const { return attrs_of<A>(call); }
};

// ---- definition
// Members without a default cannot be forgotten: their types have no default constructor.
template <class T> struct Required {
  Required() = delete;
  template <class U>
  requires std::is_convertible_v<U, T> Required(U&& value) : value(std::forward<U>(value)) {}
  T value;
};

struct Definition {
  Required<std::string> doc;
  // "x: float", optional "bias?: float", repeated "values*: any" (last). Kinds: any number float int signed bool index (i32, i64), or data
  // types; alternatives by `|`. infer_types checks presence, count and kinds before it asks the rule.
  Required<std::vector<std::string>> inputs;
  Required<TypeRule> type;
  Required<Fusion> fusion;
  Layout layout = Layout::fixed;
  // Exactly one of the two; none only where the graph itself gives the meaning (read_sizes).
  std::function<void(Compute&)> compute = {};
  std::function<std::vector<Ref<Operand>>(DecomposeContext&)> decompose = {};
  // Symbolic evaluation of shape arithmetic; empty if not known.
  std::function<std::optional<std::vector<Contents>>(FoldContext&)> fold = {};
  // Floating-point operations of the call, for the cost model; default: one for each output element.
  std::function<Ref<Expr>(TypeContext&)> flops = {};
  std::vector<std::string> examples = {}; // "relu([-1.0, 2.0]) == [0.0, 2.0]"
  int64_t outputs = 1;                    // -1: as many as the type rule gives
  bool effect = false;                    // keeps its place and is never dropped
};

struct OpDef {
  mutable const char* name = ""; // the name of the file; set by the generated table
  std::string doc;
  std::vector<std::string> inputs;
  TypeRule type;
  Fusion fusion;
  Layout layout;
  std::function<void(Compute&)> compute;
  std::function<std::vector<Ref<Operand>>(DecomposeContext&)> decompose;
  std::function<std::optional<std::vector<Contents>>(FoldContext&)> fold;
  std::function<Ref<Expr>(TypeContext&)> flops;
  std::vector<std::string> examples;
  int64_t outputs;
  bool effect;
  std::vector<AttributeSpec> attributes;
};
struct NoAttributes {
  static constexpr auto fields = std::tuple{};
};
OpDef define_with(Definition definition, std::vector<AttributeSpec> attributes);
template <class A = NoAttributes> OpDef define(Definition definition) { return define_with(std::move(definition), attribute_specs<A>()); }

// The operator of that name; null (find) or an internal error (get) if there is none.
const OpDef* find(Name name);
const OpDef& get(Name name);
std::span<const OpDef* const> all();

// Types of a call by its rule, after the checks that `inputs` demands; errors gain the operator's name.
Types infer_types(const OpCall& call, std::vector<TypeContext::Assumption>* assumptions = nullptr);

} // namespace tw::ops

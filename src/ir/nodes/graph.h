// SPDX-License-Identifier: Apache-2.0
// The graph level: functions in A-normal form over tensors. Bindings run as if in order; an operator without an effect may be moved,
// repeated or dropped. Shapes are expressions over the dims of the function (facts about a dim live on its Var).
#pragma once

#include "ir/nodes/shared.h"

namespace tw {

struct TensorType : Type {
  List<Ref<Expr>> shape;
  DType element;
  static constexpr const char* kind_name = "TensorType";
  static constexpr auto fields = std::tuple{field("shape", &TensorType::shape), field("element", &TensorType::element)};
};
struct TupleType : Type {
  List<Ref<Type>> items;
  static constexpr const char* kind_name = "TupleType";
  static constexpr auto fields = std::tuple{field("items", &TupleType::items)};
};
struct SequenceType : Type {
  Ref<Type> item;
  static constexpr const char* kind_name = "SequenceType";
  static constexpr auto fields = std::tuple{field("item", &SequenceType::item)};
};
struct OptionalType : Type {
  Ref<Type> item;
  static constexpr const char* kind_name = "OptionalType";
  static constexpr auto fields = std::tuple{field("item", &OptionalType::item)};
};

// Where a value lives during a run, decided by the pass plan_memory.
enum class StorageKind {
  arena,  // `offset` bytes into the arena
  region, // dynamic region number `offset` of the arena; its size is an expression over the entry's dims
  slot,   // slot number `offset`: memory asked for during the run, when the size is known
  output, // output number `offset` of the entry
  alias,  // the bytes of the value or constant `of`
};
consteval auto enum_names(StorageKind) { return std::array{"arena", "region", "slot", "output", "alias"}; }
struct Storage : Node {
  StorageKind where;
  int64_t offset = 0;
  Opt<Operand> of;
  Opt<Expr> begin; // bytes into that place, over the function's dims: where a part of a larger value begins
  static constexpr const char* kind_name = "Storage";
  static constexpr auto fields = std::tuple{field("where", &Storage::where), field("offset", &Storage::offset, defaulted),
                                            field("of", &Storage::of, defaulted), field("begin", &Storage::begin, defaulted)};
};

struct Value : Operand {
  Name id;
  Ref<Type> type;
  Opt<Storage> storage; // after plan_memory
  static constexpr const char* kind_name = "Value";
  static constexpr bool identity = true;
  static constexpr auto fields =
      std::tuple{field("id", &Value::id, skip), field("type", &Value::type), field("storage", &Value::storage, defaulted)};
};
struct Constant : Operand {
  Ref<TensorType> type;
  Blob data; // dense, row-major
  Name id;   // the name in the model, for people
  static constexpr const char* kind_name = "Constant";
  static constexpr auto fields =
      std::tuple{field("type", &Constant::type), field("data", &Constant::data), field("id", &Constant::id, skip | defaulted)};
};

// values = operation; `dims` are symbols that the operation introduces (sizes known only at run time).
struct Binding : Node {
  List<Ref<Value>> values;
  Ref<Operation> operation;
  List<Ref<Var>> dims;
  static constexpr const char* kind_name = "Binding";
  static constexpr auto fields = std::tuple{field("dims", &Binding::dims, defines), field("operation", &Binding::operation),
                                            field("values", &Binding::values, defines)};
};
// A body may use values of the bodies around it.
struct Body : Node {
  List<Ref<Value>> params;
  List<Ref<Binding>> bindings;
  List<Ref<Operand>> results;
  static constexpr const char* kind_name = "Body";
  static constexpr auto fields =
      std::tuple{field("params", &Body::params, defines), field("bindings", &Body::bindings), field("results", &Body::results)};
};

// A call of an operator of src/ops by name; an absent optional argument is empty. Attributes are sorted by name, defaults left out.
struct OpCall : Operation {
  Name op;
  List<Opt<Operand>> args;
  List<Ref<Attr>> attrs;
  static constexpr const char* kind_name = "OpCall";
  static constexpr auto fields =
      std::tuple{field("op", &OpCall::op), field("args", &OpCall::args), field("attrs", &OpCall::attrs, defaulted)};
};
// A call of a kernel or function of the Module; the callee's kind decides. `scalars` are the callee's symbolic sizes, in its order.
struct Invoke : Operation {
  Name callee;
  List<Ref<Operand>> args;
  List<Ref<Type>> outputs;
  List<Ref<Expr>> scalars;
  static constexpr const char* kind_name = "Invoke";
  static constexpr auto fields = std::tuple{field("callee", &Invoke::callee), field("args", &Invoke::args),
                                            field("outputs", &Invoke::outputs), field("scalars", &Invoke::scalars, defaulted)};
};
struct Branch : Operation {
  Ref<Operand> cond; // Tensor[(), bool] or one element
  Ref<Body> then, otherwise;
  static constexpr const char* kind_name = "Branch";
  static constexpr auto fields =
      std::tuple{field("cond", &Branch::cond), field("then", &Branch::then), field("otherwise", &Branch::otherwise)};
};
// The body takes (index, carried…) and gives (go on if conditional, carried…, stacked…).
struct Loop : Operation {
  List<Ref<Operand>> init;
  Ref<Body> body;
  Opt<Operand> trip, cond;
  bool conditional = false;
  int64_t stacked = 0;
  static constexpr const char* kind_name = "Loop";
  static constexpr auto fields = std::tuple{field("init", &Loop::init),
                                            field("body", &Loop::body),
                                            field("trip", &Loop::trip, defaulted),
                                            field("cond", &Loop::cond, defaulted),
                                            field("conditional", &Loop::conditional, defaulted),
                                            field("stacked", &Loop::stacked, defaulted)};
};

struct Function : Callable {
  Name id;
  List<Ref<Var>> dims;
  Ref<Body> body;
  List<Ref<Attr>> attrs;
  static constexpr const char* kind_name = "Function";
  static constexpr auto fields = std::tuple{field("id", &Function::id), field("dims", &Function::dims, defines),
                                            field("body", &Function::body), field("attrs", &Function::attrs, defaulted)};
};

} // namespace tw

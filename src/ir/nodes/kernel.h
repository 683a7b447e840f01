// SPDX-License-Identifier: Apache-2.0
// The kernel level: loop nests over buffers. Blocks carry the meaning that schedules need (what is spatial, what is reduced, what is read
// and written) and are erased before code generation.
#pragma once

#include "ir/nodes/shared.h"

namespace tw {

// ---- expressions
struct IntImm : Expr {
  int64_t value;
  DType type = i64;
  static constexpr const char* kind_name = "IntImm";
  static constexpr auto fields = std::tuple{field("value", &IntImm::value), field("type", &IntImm::type, defaulted)};
  void finish();
};
struct FloatImm : Expr {
  double value;
  DType type = f32;
  static constexpr const char* kind_name = "FloatImm";
  static constexpr auto fields = std::tuple{field("value", &FloatImm::value), field("type", &FloatImm::type, defaulted)};
  void finish();
};
enum class UnaryOp { neg, logical_not, bit_not };
consteval auto enum_names(UnaryOp) { return std::array{"neg", "logical_not", "bit_not"}; }
struct Unary : Expr {
  UnaryOp op;
  Ref<Expr> a;
  static constexpr const char* kind_name = "Unary";
  static constexpr auto fields = std::tuple{field("op", &Unary::op), field("a", &Unary::a)};
  void finish();
};
enum class BinaryOp {
  add,
  sub,
  mul,
  div,
  floordiv,
  floormod,
  min,
  max,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logical_and,
  logical_or,
  bit_and,
  bit_or,
  bit_xor,
  shift_left,
  shift_right
};
consteval auto enum_names(BinaryOp) {
  return std::array{"add", "sub", "mul", "div",         "floordiv",   "floormod", "min",    "max",     "eq",         "ne",         "lt",
                    "le",  "gt",  "ge",  "logical_and", "logical_or", "bit_and",  "bit_or", "bit_xor", "shift_left", "shift_right"};
}
struct Binary : Expr {
  BinaryOp op;
  Ref<Expr> a, b;
  static constexpr const char* kind_name = "Binary";
  static constexpr auto fields = std::tuple{field("op", &Binary::op), field("a", &Binary::a), field("b", &Binary::b)};
  void finish();
};
struct Cast : Expr {
  DType to;
  Ref<Expr> value;
  static constexpr const char* kind_name = "Cast";
  static constexpr auto fields = std::tuple{field("to", &Cast::to), field("value", &Cast::value)};
  void finish();
};
struct Select : Expr {
  Ref<Expr> cond, a, b;
  static constexpr const char* kind_name = "Select";
  static constexpr auto fields = std::tuple{field("cond", &Select::cond), field("a", &Select::a), field("b", &Select::b)};
  void finish();
};
// Vectors: after the pass `vectorise` only.
struct Ramp : Expr {
  Ref<Expr> base, stride;
  int64_t lanes;
  static constexpr const char* kind_name = "Ramp";
  static constexpr auto fields = std::tuple{field("base", &Ramp::base), field("stride", &Ramp::stride), field("lanes", &Ramp::lanes)};
  void finish();
};
struct Broadcast : Expr {
  Ref<Expr> value;
  int64_t lanes;
  static constexpr const char* kind_name = "Broadcast";
  static constexpr auto fields = std::tuple{field("value", &Broadcast::value), field("lanes", &Broadcast::lanes)};
  void finish();
};
struct Shuffle : Expr {
  List<Ref<Expr>> vectors;
  List<int64_t> indices;
  static constexpr const char* kind_name = "Shuffle";
  static constexpr auto fields = std::tuple{field("vectors", &Shuffle::vectors), field("indices", &Shuffle::indices)};
  void finish();
};

struct Region;
// Memory with a shape. `strides` empty means dense row-major; they and `offset` count elements.
struct Buffer : Node {
  Name id;
  List<Ref<Expr>> shape;
  DType element;
  List<Ref<Expr>> strides;
  Name scope = "global"; // global, local (registers or stack of one thread), scratch (memory of one thread)
  static constexpr const char* kind_name = "Buffer";
  static constexpr bool identity = true;
  static constexpr auto fields =
      std::tuple{field("id", &Buffer::id, skip), field("shape", &Buffer::shape), field("element", &Buffer::element),
                 field("strides", &Buffer::strides, defaulted), field("scope", &Buffer::scope, defaulted)};
};
struct Load : Expr {
  Ref<Buffer> buffer;
  List<Ref<Expr>> index; // the last one may be a vector
  Opt<Expr> mask;        // a masked-off lane touches nothing and is 0
  static constexpr const char* kind_name = "Load";
  static constexpr auto fields =
      std::tuple{field("buffer", &Load::buffer), field("index", &Load::index), field("mask", &Load::mask, defaulted)};
  void finish();
};
// An intrinsic of ir/intrinsics.h by name.
struct Call : Expr {
  Name intrinsic;
  List<Ref<Expr>> args;
  static constexpr const char* kind_name = "Call";
  static constexpr auto fields = std::tuple{field("intrinsic", &Call::intrinsic), field("args", &Call::args)};
  void finish();
};

// ---- statements
enum class ForKind { serial, parallel, vectorised, unrolled };
consteval auto enum_names(ForKind) { return std::array{"serial", "parallel", "vectorised", "unrolled"}; }
struct For : Stmt {
  Ref<Expr> begin, extent;
  Ref<Var> var;
  Ref<Stmt> body;
  ForKind how = ForKind::serial;
  static constexpr const char* kind_name = "For";
  static constexpr auto fields = std::tuple{field("begin", &For::begin), field("extent", &For::extent), field("var", &For::var, defines),
                                            field("body", &For::body), field("how", &For::how, defaulted)};
};

enum class IterKind { spatial, reduce, ordered };
consteval auto enum_names(IterKind) { return std::array{"spatial", "reduce", "ordered"}; }
// An iteration variable of a block: takes `value` (an expression over the loops), runs over 0 <= var < extent.
struct Iter : Node {
  Ref<Expr> value, extent;
  Ref<Var> var;
  IterKind how = IterKind::spatial;
  static constexpr const char* kind_name = "Iter";
  static constexpr auto fields = std::tuple{field("value", &Iter::value), field("extent", &Iter::extent), field("var", &Iter::var, defines),
                                            field("how", &Iter::how, defaulted)};
};
// begin[i] <= index[i] < begin[i] + extent[i]
struct Region : Node {
  Ref<Buffer> buffer;
  List<Ref<Expr>> begin, extent;
  static constexpr const char* kind_name = "Region";
  static constexpr auto fields =
      std::tuple{field("buffer", &Region::buffer), field("begin", &Region::begin), field("extent", &Region::extent)};
};
// A promise: reads and writes nothing outside its regions. Spatial iterations may run in any order and at the same time; reduce iterations
// in any grouping, with `init` before the first; ordered ones in order. Where `where` is false, the iteration does not exist.
struct Block : Stmt {
  Name id; // unique in a kernel
  List<Ref<Iter>> iters;
  List<Ref<Region>> reads, writes;
  Ref<Stmt> body;
  Opt<Expr> where;
  Opt<Stmt> init;
  List<Ref<Attr>> hints;
  static constexpr const char* kind_name = "Block";
  static constexpr auto fields = std::tuple{field("id", &Block::id),
                                            field("iters", &Block::iters, defines),
                                            field("reads", &Block::reads),
                                            field("writes", &Block::writes),
                                            field("body", &Block::body),
                                            field("where", &Block::where, defaulted),
                                            field("init", &Block::init, defaulted),
                                            field("hints", &Block::hints, defaulted)};
};
struct Store : Stmt {
  Ref<Buffer> buffer;
  List<Ref<Expr>> index;
  Ref<Expr> value;
  Opt<Expr> mask;
  static constexpr const char* kind_name = "Store";
  static constexpr auto fields = std::tuple{field("buffer", &Store::buffer), field("index", &Store::index), field("value", &Store::value),
                                            field("mask", &Store::mask, defaulted)};
};
struct Let : Stmt {
  Ref<Expr> value;
  Ref<Var> var;
  Ref<Stmt> body;
  static constexpr const char* kind_name = "Let";
  static constexpr auto fields = std::tuple{field("value", &Let::value), field("var", &Let::var, defines), field("body", &Let::body)};
};
struct If : Stmt {
  Ref<Expr> cond;
  Ref<Stmt> then;
  Opt<Stmt> otherwise;
  static constexpr const char* kind_name = "If";
  static constexpr auto fields =
      std::tuple{field("cond", &If::cond), field("then", &If::then), field("otherwise", &If::otherwise, defaulted)};
};
struct While : Stmt {
  Ref<Expr> cond;
  Ref<Stmt> body;
  static constexpr const char* kind_name = "While";
  static constexpr auto fields = std::tuple{field("cond", &While::cond), field("body", &While::body)};
};
struct Seq : Stmt {
  List<Ref<Stmt>> body;
  static constexpr const char* kind_name = "Seq";
  static constexpr auto fields = std::tuple{field("body", &Seq::body)};
};
// The memory is not cleared; reading what was not written is an error.
struct Allocate : Stmt {
  Ref<Buffer> buffer;
  Ref<Stmt> body;
  static constexpr const char* kind_name = "Allocate";
  static constexpr auto fields = std::tuple{field("buffer", &Allocate::buffer, defines), field("body", &Allocate::body)};
};
enum class Fault { user, internal };
consteval auto enum_names(Fault) { return std::array{"user", "internal"}; }
// Ends the run with the message if the condition is false; may be assumed true afterwards.
struct Assert : Stmt {
  Ref<Expr> cond;
  Name message;
  Fault fault = Fault::internal;
  static constexpr const char* kind_name = "Assert";
  static constexpr auto fields =
      std::tuple{field("cond", &Assert::cond), field("message", &Assert::message), field("fault", &Assert::fault, defaulted)};
};
struct Evaluate : Stmt {
  Ref<Expr> value;
  static constexpr const char* kind_name = "Evaluate";
  static constexpr auto fields = std::tuple{field("value", &Evaluate::value)};
};

enum class Combine { add, mul, min, max, logical_and, logical_or };
consteval auto enum_names(Combine) { return std::array{"add", "mul", "min", "max", "logical_and", "logical_or"}; }
// A dimension of a register tile: 0 <= var < extent.
struct TileAxis : Node {
  Ref<Expr> extent;
  Ref<Var> var;
  static constexpr const char* kind_name = "TileAxis";
  static constexpr auto fields = std::tuple{field("extent", &TileAxis::extent), field("var", &TileAxis::var, defines)};
};
// The micro-kernel: one accumulator for each point of rows × columns, held in registers for the whole reduction.
//
//   for each row, column:  acc = init
//                          for each point of reduce, in order:  acc = combine(acc, value)     # contraction of a product into fma is
//                          allowed
//   for each row, column:  body                                                              # reads acc; the only stores
//
// Rows have constant extents and are unrolled; the one column axis is contiguous and vectorised; only `columns` of `width` are real, which
// masks the stores of the last panel. Matrix products, every kind of convolution, depthwise convolution and pooling are this one statement.
struct RegisterTile : Stmt {
  List<Ref<TileAxis>> rows;
  Ref<TileAxis> column;
  List<Ref<TileAxis>> reduce;
  Ref<Expr> init, value;
  Ref<Var> acc;
  Ref<Stmt> body;
  Combine combine = Combine::add;
  Opt<Expr> columns;  // how many columns are real; empty: all
  Opt<Expr> prefetch; // a load, free of rows and column: at each point of reduce its cache line is asked for. A hint; reads nothing
  static constexpr const char* kind_name = "RegisterTile";
  static constexpr auto fields = std::tuple{field("rows", &RegisterTile::rows, defines),
                                            field("column", &RegisterTile::column, defines),
                                            field("init", &RegisterTile::init),
                                            field("reduce", &RegisterTile::reduce, defines),
                                            field("value", &RegisterTile::value),
                                            field("acc", &RegisterTile::acc, defines),
                                            field("body", &RegisterTile::body),
                                            field("combine", &RegisterTile::combine, defaulted),
                                            field("columns", &RegisterTile::columns, defaulted),
                                            field("prefetch", &RegisterTile::prefetch, defaulted)};
};

enum class Access { in, out, inout };
consteval auto enum_names(Access) { return std::array{"in", "out", "inout"}; }
struct Param : Node {
  Ref<Buffer> buffer;
  Access access = Access::in;
  static constexpr const char* kind_name = "Param";
  static constexpr auto fields = std::tuple{field("buffer", &Param::buffer, defines), field("access", &Param::access)};
};
// Destination-passing: outputs are parameters. `dims` are symbolic sizes, passed as scalars in this order.
struct Kernel : Callable {
  Name id;
  List<Ref<Var>> dims;
  List<Ref<Param>> params;
  Ref<Stmt> body;
  List<Ref<Attr>> attrs;
  static constexpr const char* kind_name = "Kernel";
  static constexpr auto fields =
      std::tuple{field("id", &Kernel::id), field("dims", &Kernel::dims, defines), field("params", &Kernel::params, defines),
                 field("body", &Kernel::body), field("attrs", &Kernel::attrs, defaulted)};
};

} // namespace tw

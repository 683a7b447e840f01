// SPDX-License-Identifier: Apache-2.0
// Nodes of both levels: variables, origins, lambdas, attributes, the Module and what it holds.
//
// Semantics that hold everywhere (docs/ir.md has the whole list):
//  - integers are two's complement and wrap at their width; index arithmetic is assumed not to overflow i64 (entry checks see to it)
//  - `//` and `%` are floor division; division by zero is an error that must be excluded
//  - floats are IEEE at their width, round to nearest even, no contraction except the intrinsic `fma` and inside reductions
//  - `min` and `max` propagate NaN; float → int casts saturate, NaN → 0
//  - expressions are pure apart from loads; `Select` evaluates both arms; distinct Buffers do not overlap
#pragma once

#include "ir/blob.h"
#include "ir/node.h"

#include <array>
#include <limits>
#include <optional>
#include <variant>

namespace tw {

inline constexpr int64_t unbounded = std::numeric_limits<int64_t>::max();

// A loop variable, a symbolic dimension, a scalar parameter. Facts (minimum, maximum, multiple of) are part of it.
struct Var : Expr {
  Name id;
  DType type = i64;
  int64_t min = std::numeric_limits<int64_t>::min(), max = unbounded, multiple = 1;
  static constexpr const char* kind_name = "Var";
  static constexpr bool identity = true;
  static constexpr auto fields =
      std::tuple{field("id", &Var::id, skip), field("type", &Var::type, defaulted), field("min", &Var::min, defaulted),
                 field("max", &Var::max, defaulted), field("multiple", &Var::multiple, defaulted)};
  void finish() { dtype = type; }
};

enum class OriginKind { model, file, pass, python, fused };
consteval auto enum_names(OriginKind) { return std::array{"model", "file", "pass", "python", "fused"}; }
// Where a node came from, kept through every pass down to the kernel's line in a profile.
struct Origin : Node {
  OriginKind kind = OriginKind::model;
  Name text;
  int64_t line = 0;
  List<Ref<Origin>> parts;
  static constexpr const char* kind_name = "Origin";
  static constexpr auto fields = std::tuple{field("kind", &Origin::kind), field("text", &Origin::text),
                                            field("line", &Origin::line, defaulted), field("parts", &Origin::parts, defaulted)};
};

// Index maps, epilogues, combiners.
struct Lambda : Expr {
  List<Ref<Var>> params;
  List<Ref<Expr>> results;
  static constexpr const char* kind_name = "Lambda";
  static constexpr auto fields = std::tuple{field("params", &Lambda::params, defines), field("results", &Lambda::results)};
  void finish() {
    if (results.size() == 1) dtype = results[0]->dtype;
  }
};

// A named, typed attribute of an operator call, a block, a function. Lists of symbolic sizes are lists of expressions.
struct Attr : Node {
  using Value =
      std::variant<bool, int64_t, double, Name, DType, List<int64_t>, List<double>, List<Name>, Opt<Expr>, List<Ref<Expr>>, Opt<Type>>;
  Name name;
  Value value;
  static constexpr const char* kind_name = "Attr";
  static constexpr auto fields = std::tuple{field("name", &Attr::name), field("value", &Attr::value)};
};

// Everything compiled together: graph functions and kernels side by side, sorted by name.
struct Module : Node {
  List<Ref<Callable>> functions;
  List<Ref<Attr>> attrs;
  static constexpr const char* kind_name = "Module";
  static constexpr auto fields = std::tuple{field("functions", &Module::functions), field("attrs", &Module::attrs, defaulted)};
};

} // namespace tw

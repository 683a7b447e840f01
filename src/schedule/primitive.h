// SPDX-License-Identifier: Apache-2.0
// A primitive is declared once, in a file of its own below primitives/: a function on a schedule, the names of its parameters and results,
// what it does, an example, and what it refuses. From that derive calls by name (Python, traces), checks of arguments, the trace of what
// was done, type stubs, docs/primitives.md and tests: the example must hold, and what is to be refused must be.
#pragma once

#include "schedule/placement.h"

#include <span>

namespace tw::schedule {

// What primitives take and give.
using Value = std::variant<Ref<Var>, Loops, Name, Ref<Buffer>, MemoryScope, int64_t, std::vector<int64_t>, Ref<Expr>, Ref<Lambda>,
                           std::string, Attr::Value>;
enum class ValueKind { loop, loops, block, buffer, scope, integer, integers, expression, index_map, text, attribute };
template <class T> constexpr ValueKind value_kind() {
  return []<class... K>(std::type_identity<std::variant<K...>>) {
    size_t at = 0;
    static_cast<void>(((std::is_same_v<K, T> ? true : (++at, false)) || ...));
    return static_cast<ValueKind>(at);
  }(std::type_identity<Value>{});
}
// For a reader: "loop", "list of loops"; and as a type of Python.
const char* describe(ValueKind kind);
const char* python_type(ValueKind kind);

// An argument as text or Python gives it; a list is a vector. Loops and buffers may be given by a name that only one has, expressions and
// index maps by their text.
struct Argument {
  std::variant<bool, int64_t, double, std::string, Ref<Node>, std::vector<Argument>> value;
};
// The argument as the kind that is needed; `what` begins the message of an error.
Value to_value(const Schedule& s, ValueKind kind, const Argument& argument, const std::string& what);
Argument to_argument(const Value& value);

struct Refusal {
  const char* call;     // on the example's `before`
  const char* sentence; // a part of the message
};

struct Declaration {
  const char* name;
  const char* doc;
  std::vector<const char*> parameters; // their types are those of the function
  std::vector<const char*> results = {};
  // The example: what the kernel takes, its body, the call as Python and traces write it, the body then.
  const char* dims = "";
  const char* takes;
  const char* before;
  const char* call;
  const char* after;
  std::vector<Refusal> refused = {};
  std::vector<ValueKind> gives = {}; // kinds of the results, where the function's type does not say
};

struct Primitive : Declaration {
  std::vector<ValueKind> parameter_kinds;
  bool several = false; // results come as a list, of any length if `gives` is empty
  std::vector<Value> (*run)(Schedule& s, std::span<const Value> arguments) = nullptr;

  // As C++ calls it, but a refusal leaves the schedule as it was and shows the place in the kernel.
  std::vector<Value> operator()(Schedule& s, const std::vector<Value>& arguments) const;
  // Arguments in order, then by name.
  std::vector<Value> operator()(Schedule& s, const std::vector<Argument>& arguments,
                                const std::vector<std::pair<std::string, Argument>>& named = {}) const;
};

// Every primitive, sorted by name of its file.
std::span<const Primitive* const> table();
const Primitive* find_primitive(std::string_view name);

// One step of a trace while it is made; nothing if the schedule keeps none, or inside another primitive.
class Recording {
public:
  Recording(Schedule& s, const Primitive& primitive, const std::vector<Value>& arguments);
  ~Recording();
  void finish(const std::vector<Value>& results);

private:
  Schedule& s_;
  std::string call_, before_; // `before_`: lines that name the loops and buffers of the call
  bool finished_ = false;
};

inline std::vector<Value> values_of(const Loops& loops) { return {loops.begin(), loops.end()}; }
inline std::vector<Value> values_of(const Ref<Var>& loop) { return {loop}; }
inline std::vector<Value> values_of(Name block) { return {block}; }
inline std::vector<Value> values_of(const Ref<Buffer>& buffer) { return {buffer}; }

// How C++ calls a primitive: as the function, with a step in the trace.
template <class R, class... P>
R recorded(R (*run)(Schedule&, P...), const Primitive& primitive, Schedule& s, std::type_identity_t<P>... arguments) {
  if (!s.records()) return run(s, arguments...);
  Recording step(s, primitive, {Value(std::in_place_type<std::remove_cvref_t<P>>, arguments)...});
  if constexpr (std::is_void_v<R>) {
    run(s, arguments...);
    step.finish({});
  } else {
    R result = run(s, arguments...);
    step.finish(values_of(result));
    return result;
  }
}

template <auto function> Primitive define(Declaration declaration) {
  return [&]<class R, class... P>(R (*)(Schedule&, P...)) {
    Primitive out{std::move(declaration)};
    out.parameter_kinds = {value_kind<std::remove_cvref_t<P>>()...};
    if constexpr (std::is_same_v<R, Ref<Var>> || std::is_same_v<R, Name> || std::is_same_v<R, Ref<Buffer>>) {
      out.gives = {value_kind<R>()};
    } else if constexpr (!std::is_void_v<R>) {
      out.several = true;
      if (out.gives.empty()) out.gives.assign(out.results.size(), ValueKind::loop);
    }
    out.run = [](Schedule& s, std::span<const Value> arguments) -> std::vector<Value> {
      return [&]<size_t... I>(std::index_sequence<I...>)->std::vector<Value> {
        if constexpr (std::is_void_v<R>) {
          function(s, std::get<std::remove_cvref_t<P>>(arguments[I])...);
          return {};
        } else {
          return values_of(function(s, std::get<std::remove_cvref_t<P>>(arguments[I])...));
        }
      }
      (std::index_sequence_for<P...>{});
    };
    return out;
  }(function);
}

} // namespace tw::schedule

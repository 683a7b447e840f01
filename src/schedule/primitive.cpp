// SPDX-License-Identifier: Apache-2.0
// Calls of primitives by name: arguments from text or Python to what the function takes, and refusals that show the place.
#include "schedule/primitive.h"

#include "ir/syntax.h"
#include "ir/text.h"
#include "ir/visit.h"

#include <algorithm>

namespace tw::schedule {
namespace {

constexpr const char* descriptions[] = {"a loop",
                                        "a list of loops",
                                        "a block",
                                        "a buffer",
                                        "a memory's name",
                                        "an integer",
                                        "a list of integers",
                                        "an expression",
                                        "an index map",
                                        "a string",
                                        "a number, bool or string"};
constexpr const char* python_types[] = {"Var | str",
                                        "collections.abc.Sequence[Var | str]",
                                        "str | Block",
                                        "Buffer | str",
                                        "str",
                                        "int",
                                        "collections.abc.Sequence[int]",
                                        "Expr | int | str",
                                        "Lambda | str",
                                        "str",
                                        "bool | int | float | str"};

std::string describe(const Argument& argument) {
  return std::visit(
      []<class T>(const T& x) -> std::string {
        if constexpr (std::is_same_v<T, bool>) return x ? "True" : "False";
        else if constexpr (std::is_same_v<T, std::string>) return syntax::quote(x);
        else if constexpr (std::is_same_v<T, Ref<Node>>) return fmt::format("{} {}", kind_name(x.node()), to_short_text(x.node(), 40));
        else if constexpr (std::is_same_v<T, std::vector<Argument>>) return fmt::format("a list of {}", x.size());
        else return fmt::format("{}", x);
      },
      argument.value);
}

// The kernel's sizes and loops, by name.
tw::Scope names_in(const Schedule& s) {
  tw::Scope scope;
  for (const auto& d : s.kernel()->dims) scope.names.emplace(d->id.str(), d);
  visit(s.kernel()->body, [&](const For& f, Walk walk) {
    scope.names.emplace(f.var->id.str(), f.var);
    walk(f.body);
  });
  return scope;
}

class Reader {
public:
  Reader(const Schedule& s, ValueKind kind, const std::string& what) : s_(s), kind_(kind), what_(what) {}

  Value read(const Argument& a) const {
    switch (kind_) {
    case ValueKind::loop: return loop(a);
    case ValueKind::loops: {
      Loops out;
      for (const Argument& item : items(a)) out.push_back(loop(item));
      return out;
    }
    case ValueKind::block:
      if (const auto* b = node<Block>(a)) return b->id;
      return Name(text(a));
    case ValueKind::buffer:
      if (const auto* b = node<Buffer>(a)) return ref_to(*b);
      return s_.buffer_named(text(a));
    case ValueKind::scope: return MemoryScope(Name(text(a)));
    case ValueKind::integer: return integer(a);
    case ValueKind::integers: {
      std::vector<int64_t> out;
      for (const Argument& item : items(a)) out.push_back(integer(item));
      return out;
    }
    case ValueKind::expression:
      if (const auto* x = std::get_if<int64_t>(&a.value)) return Ref<Expr>(imm(*x));
      if (const auto* e = node<Expr>(a)) return ref_to(*e);
      return parse_expression(text(a), names_in(s_));
    case ValueKind::index_map: {
      Opt<Expr> map;
      if (const auto* given = node<Lambda>(a)) map = ref_to(*given);
      else map = parse_expression(text(a));
      if (!as<Lambda>(map)) wrong(a);
      return as_ref<Lambda>(map);
    }
    case ValueKind::text: return text(a);
    case ValueKind::attribute: return Value(std::in_place_type<Attr::Value>, attribute(a));
    }
    wrong(a);
  }

private:
  [[noreturn]] void wrong(const Argument& a) const {
    throw ScheduleError(fmt::format("{}: expected {}, found {}", what_, schedule::describe(kind_), describe(a)), s_.kernel());
  }
  template <class T> static const T* node(const Argument& a) {
    const auto* x = std::get_if<Ref<Node>>(&a.value);
    return x ? as<T>(*x) : nullptr;
  }
  Ref<Var> loop(const Argument& a) const {
    if (const auto* v = node<Var>(a)) return ref_to(*v);
    if (const auto* f = node<For>(a)) return f->var;
    return s_.loop_named(text(a));
  }
  const std::string& text(const Argument& a) const {
    const auto* x = std::get_if<std::string>(&a.value);
    if (!x) wrong(a);
    return *x;
  }
  int64_t integer(const Argument& a) const {
    const auto* x = std::get_if<int64_t>(&a.value);
    if (!x) wrong(a);
    return *x;
  }
  const std::vector<Argument>& items(const Argument& a) const {
    const auto* x = std::get_if<std::vector<Argument>>(&a.value);
    if (!x) wrong(a);
    return *x;
  }
  Attr::Value attribute(const Argument& a) const {
    if (const auto* x = std::get_if<bool>(&a.value)) return *x;
    if (const auto* x = std::get_if<int64_t>(&a.value)) return *x;
    if (const auto* x = std::get_if<double>(&a.value)) return *x;
    return Name(text(a));
  }

  const Schedule& s_;
  ValueKind kind_;
  const std::string& what_;
};

// The kernel's text with the line of the place pointed at.
std::string show(const Kernel& kernel, const Place& place) {
  const Node* mark = nullptr;
  visit(
      kernel.body,
      [&](const For& f, Walk walk) {
        if (place.node && f.var.same_as(place.node)) mark = &f;
        walk(f.body);
      },
      [&](const Block& b, Walk walk) {
        if (place.block == b.id) mark = &b;
        walk(b.body);
      },
      [&](const Allocate& a, Walk walk) {
        if (place.node && a.buffer.same_as(place.node)) mark = &a;
        walk(a.body);
      });
  std::string out = fmt::format("kernel '{}'", kernel.id.str());
  if (!mark) return out;
  out += ":\n";
  std::string text = to_text(&kernel, PrintOptions{.mark = mark});
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    out += fmt::format("    {}\n", text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out.substr(0, out.size() - 1);
}

} // namespace

const char* describe(ValueKind kind) { return descriptions[static_cast<size_t>(kind)]; }
const char* python_type(ValueKind kind) { return python_types[static_cast<size_t>(kind)]; }

Value to_value(const Schedule& s, ValueKind kind, const Argument& argument, const std::string& what) {
  return Reader(s, kind, what).read(argument);
}

Argument to_argument(const Value& value) {
  if (const auto* x = std::get_if<Ref<Var>>(&value)) return {Ref<Node>(*x)};
  if (const auto* x = std::get_if<Ref<Buffer>>(&value)) return {Ref<Node>(*x)};
  return {std::get<Name>(value).str()};
}

const Primitive* find_primitive(std::string_view name) {
  for (const Primitive* p : table())
    if (name == p->name) return p;
  return nullptr;
}

std::vector<Value> Primitive::operator()(Schedule& s, const std::vector<Value>& arguments) const {
  Schedule attempt = s;
  try {
    std::vector<Value> results;
    if (attempt.records()) {
      Recording step(attempt, *this, arguments);
      results = run(attempt, arguments);
      step.finish(results);
    } else {
      results = run(attempt, arguments);
    }
    s.adopt(std::move(attempt));
    return results;
  } catch (ScheduleError& error) {
    error.at(show(*s.kernel(), error.place()));
    throw;
  }
}

std::vector<Value> Primitive::operator()(Schedule& s, const std::vector<Argument>& arguments,
                                         const std::vector<std::pair<std::string, Argument>>& named) const {
  std::vector<const Argument*> given(parameters.size());
  auto refuse = [&](const std::string& sentence) { return ScheduleError(fmt::format("{}: {}", name, sentence), s.kernel()); };
  if (arguments.size() > parameters.size())
    throw refuse(fmt::format("expected {} ({}), found {} arguments", parameters.size(), fmt::join(parameters, ", "), arguments.size()));
  for (size_t i = 0; i < arguments.size(); ++i) given[i] = &arguments[i];
  for (const auto& [key, argument] : named) {
    size_t at = 0;
    while (at < parameters.size() && key != parameters[at]) ++at;
    if (at == parameters.size()) throw refuse(fmt::format("there is no argument '{}'; there is {}", key, fmt::join(parameters, ", ")));
    if (given[at]) throw refuse(fmt::format("the argument '{}' is given twice", key));
    given[at] = &argument;
  }
  std::vector<Value> values;
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i]) throw refuse(fmt::format("expected {} '{}'", describe(parameter_kinds[i]), parameters[i]));
    values.push_back(to_value(s, parameter_kinds[i], *given[i], fmt::format("{}: {}", name, parameters[i])));
  }
  return (*this)(s, values);
}

} // namespace tw::schedule

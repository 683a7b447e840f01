// SPDX-License-Identifier: Apache-2.0
#include "schedule/trace.h"

#include "ir/syntax.h"
#include "ir/visit.h"

namespace tw::schedule {
namespace {

using syntax::Statement;
using syntax::StatementKind;
using syntax::Tree;
using syntax::TreeKind;
using List = std::vector<Argument>;

class TraceReader {
public:
  TraceReader(Schedule& s, const syntax::Text& text) : s_(s), text_(text) {}

  void run(std::span<const Statement> statements) {
    for (const Statement& step : statements) {
      if (step.kind == StatementKind::pass || step.kind == StatementKind::import) continue;
      if (step.kind != StatementKind::expression && step.kind != StatementKind::assign)
        text_.fail(step.at, "expected a call of a primitive, or names = a call", "a trace has neither loops nor conditions");
      Argument result = value(step.value);
      if (step.kind == StatementKind::assign) assign(step, std::move(result));
    }
  }

private:
  void assign(const Statement& step, Argument result) {
    for (const Tree& target : step.targets)
      if (!target.is(TreeKind::name)) text_.fail(target.at, "expected a name");
    if (step.targets.size() == 1) {
      names_.insert_or_assign(step.targets[0].text, std::move(result));
      return;
    }
    const auto* items = std::get_if<List>(&result.value);
    const size_t count = items ? items->size() : 1;
    if (count != step.targets.size())
      text_.fail(step.at,
                 fmt::format("expected {} name{}, one for each result, found {}", count, count == 1 ? "" : "s", step.targets.size()));
    for (size_t i = 0; i < count; ++i) names_.insert_or_assign(step.targets[i].text, (*items)[i]);
  }

  Argument value(const Tree& t) {
    switch (t.kind) {
    case TreeKind::integer: return {static_cast<int64_t>(std::stoll(t.text))};
    case TreeKind::real: return {std::stod(t.text)};
    case TreeKind::string: return {t.text};
    case TreeKind::tuple: {
      List items;
      for (const Tree& child : t.children) items.push_back(value(child));
      return {std::move(items)};
    }
    case TreeKind::name: {
      if (t.text == "True" || t.text == "False") return {t.text == "True"};
      auto found = names_.find(t.text);
      if (found == names_.end()) text_.fail(t.at, fmt::format("the name '{}' is not defined", t.text), "a string names a loop: \"i\"");
      return found->second;
    }
    case TreeKind::subscript: {
      Argument base = value(t.children[0]);
      const auto* items = std::get_if<List>(&base.value);
      const bool one = items && t.children.size() == 2 && t.children[1].is(TreeKind::integer);
      const size_t at = one ? std::stoull(t.children[1].text) : 0;
      if (!one) text_.fail(t.at, "expected a list and the number of an item");
      if (at >= items->size()) text_.fail(t.at, fmt::format("there is no item {}: the list has {}", at, items->size()));
      return (*items)[at];
    }
    case TreeKind::call: return call(t);
    default: text_.fail(t.at, "expected a name, a number, a string, a list or a call", "expressions and index maps are written as strings");
    }
  }

  Argument call(const Tree& t) {
    const std::string full = t.children[0].text;
    if (!t.children[0].is(TreeKind::name) || !full.starts_with("s.")) text_.fail(t.at, "expected a call on the schedule: s.split(…)");
    const std::string name = full.substr(2);
    List plain;
    std::vector<std::pair<std::string, Argument>> named;
    for (size_t i = 1; i < t.children.size(); ++i) {
      const Tree& child = t.children[i];
      if (child.is(TreeKind::keyword)) named.emplace_back(child.text, value(child.children[0]));
      else plain.push_back(value(child));
    }
    try {
      if (auto found = query(name, plain)) return *found;
      const Primitive* primitive = find_primitive(name);
      if (!primitive) text_.fail(t.at, fmt::format("there is no primitive '{}'", name), suggestion(name));
      std::vector<Value> results = (*primitive)(s_, plain, named);
      if (!primitive->several) return results.empty() ? Argument{List()} : to_argument(results[0]);
      List items;
      for (const Value& result : results) items.push_back(to_argument(result));
      return {std::move(items)};
    } catch (ScheduleError& error) {
      error.at(text_.show(t.at));
      throw;
    }
  }

  // What asks the kernel only.
  std::optional<Argument> query(const std::string& name, const List& arguments) {
    const auto* text = arguments.size() == 1 ? std::get_if<std::string>(&arguments[0].value) : nullptr;
    if (name == "loops" && text) {
      List items;
      for (const auto& f : s_.loops(Name(*text))) items.push_back({Ref<Node>(f->var)});
      return Argument{std::move(items)};
    }
    if (name == "loop" && text) return Argument{Ref<Node>(s_.loop_named(*text))};
    if (name == "buffer" && text) return Argument{Ref<Node>(s_.buffer_named(*text))};
    if (name == "buffers" && arguments.empty()) {
      List items;
      for (const auto& b : s_.buffers()) items.push_back({Ref<Node>(b)});
      return Argument{std::move(items)};
    }
    if (name == "unrecorded") throw ScheduleError("the trace has a step that was no primitive: it cannot be done again", s_.kernel());
    return {};
  }

  static std::string suggestion(const std::string& name) {
    std::vector<std::string> names;
    for (const Primitive* p : table()) names.emplace_back(p->name);
    return syntax::nearest_or_all(name, names);
  }

  Schedule& s_;
  const syntax::Text& text_;
  std::unordered_map<std::string, Argument> names_;
};

// ---- writing

class Writer {
public:
  explicit Writer(Schedule& s) : s_(s), trace_(*s.trace()) {}
  std::string lines; // what has to come before the call

  std::string argument(const Value& v) {
    return std::visit(
        [&]<class T>(const T& x) -> std::string {
          if constexpr (std::is_same_v<T, Ref<Var>>) return loop(x);
          else if constexpr (std::is_same_v<T, Ref<Buffer>>) return buffer(x);
          else if constexpr (std::is_same_v<T, Loops>) {
            std::vector<std::string> parts;
            for (const auto& each : x) parts.push_back(loop(each));
            return fmt::format("[{}]", fmt::join(parts, ", "));
          } else if constexpr (std::is_same_v<T, Name>) return syntax::quote(x.str());
          else if constexpr (std::is_same_v<T, MemoryScope>) return syntax::quote(x.name.str());
          else if constexpr (std::is_same_v<T, int64_t>) return fmt::format("{}", x);
          else if constexpr (std::is_same_v<T, std::vector<int64_t>>) return fmt::format("[{}]", fmt::join(x, ", "));
          else if constexpr (std::is_same_v<T, Ref<Expr>> || std::is_same_v<T, Ref<Lambda>>) return syntax::quote(to_text(x));
          else if constexpr (std::is_same_v<T, std::string>) return syntax::quote(x);
          else return attribute(x);
        },
        v);
  }
  std::string result(const Value& v) {
    if (const auto* x = std::get_if<Ref<Var>>(&v)) return define(*x, (*x)->id);
    if (const auto* x = std::get_if<Ref<Buffer>>(&v)) return define(*x, (*x)->id);
    return free_name(std::get<Name>(v).str());
  }

private:
  std::string free_name(std::string wanted) {
    if (!syntax::is_identifier(wanted) || syntax::is_reserved(wanted) || wanted == "s") wanted = "x_" + wanted;
    if (!syntax::is_identifier(wanted)) wanted = "x";
    std::string name = wanted;
    for (int n = 1; !trace_.taken.insert(name).second; ++n) name = fmt::format("{}_{}", wanted, n);
    return name;
  }
  std::string define(const Ref<Node>& node, Name id) {
    if (auto known = trace_.names.find(node.node()); known != trace_.names.end()) return known->second;
    trace_.kept.push_back(node);
    return trace_.names[node.node()] = free_name(id.str());
  }
  std::string loop(const Ref<Var>& v) {
    if (auto known = trace_.names.find(v.node()); known != trace_.names.end()) return known->second;
    for (const auto& block : s_.blocks()) {
      auto loops = s_.loops(block->id);
      for (size_t i = 0; i < loops.size(); ++i) {
        if (!loops[i]->var.same_as(v)) continue;
        std::string name = define(v, v->id);
        lines += fmt::format("{} = s.loops({})[{}]\n", name, syntax::quote(block->id.str()), i);
        return name;
      }
    }
    std::string name = define(v, v->id);
    lines += fmt::format("{} = s.loop({})\n", name, syntax::quote(v->id.str())); // no block is inside
    return name;
  }
  std::string buffer(const Ref<Buffer>& b) {
    if (auto known = trace_.names.find(b.node()); known != trace_.names.end()) return known->second;
    auto all = s_.buffers();
    size_t at = 0, same = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      same += all[i]->id == b->id;
      if (all[i].same_as(b)) at = i;
    }
    std::string name = define(b, b->id);
    lines +=
        same == 1 ? fmt::format("{} = s.buffer({})\n", name, syntax::quote(b->id.str())) : fmt::format("{} = s.buffers()[{}]\n", name, at);
    return name;
  }
  static std::string attribute(const Attr::Value& value) {
    if (const auto* x = std::get_if<bool>(&value)) return *x ? "True" : "False";
    if (const auto* x = std::get_if<int64_t>(&value)) return fmt::format("{}", *x);
    if (const auto* x = std::get_if<double>(&value)) return fmt::format("{:#}", *x);
    return syntax::quote(std::get<Name>(value).str());
  }

  Schedule& s_;
  Trace& trace_;
};

} // namespace

void apply_trace(Schedule& s, std::string_view text) {
  syntax::Text place(text, {});
  std::vector<Statement> statements = syntax::read_file(place);
  Schedule attempt = s;
  TraceReader(attempt, place).run(statements);
  s.adopt(std::move(attempt));
}

Recording::Recording(Schedule& s, const Primitive& primitive, const std::vector<Value>& arguments) : s_(s) {
  Writer writer(s);
  std::vector<std::string> parts;
  for (const Value& v : arguments) parts.push_back(writer.argument(v));
  call_ = fmt::format("s.{}({})\n", primitive.name, fmt::join(parts, ", "));
  before_ = std::move(writer.lines);
  ++s_.trace()->depth;
}

Recording::~Recording() { s_.trace()->depth -= !finished_; }

void Recording::finish(const std::vector<Value>& results) {
  finished_ = true;
  --s_.trace()->depth;
  Writer writer(s_);
  std::vector<std::string> names;
  for (const Value& v : results) names.push_back(writer.result(v));
  s_.trace()->text += before_ + (names.empty() ? "" : fmt::format("{} = ", fmt::join(names, ", "))) + call_;
}

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
// Statements of kernels. A suite is its one statement or a Seq; `x = value` and `T = allocate(…)` take the rest of their suite as body.
#include "ir/parse.h"

#include <algorithm>

namespace tw::parse_detail {

namespace {
bool is_nothing(const Statement& s) {
  return s.kind == StatementKind::pass || (s.kind == StatementKind::expression && s.value.is(TreeKind::string));
}
bool calls_any(const Tree& t, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return t.calls(name); });
}
} // namespace

Parser::Depth::Depth(Parser& parser, size_t place) : parser_(parser) {
  if (++parser_.depth_ > max_text_depth) {
    --parser_.depth_;
    parser.fail(place, fmt::format("more than {} scopes inside each other", max_text_depth),
                "each 'x = …' opens one; use a buffer in scope \"local\" instead");
  }
}
Parser::Depth::~Depth() { --parser_.depth_; }

std::string Parser::target_name(const Statement& s) {
  if (s.targets.size() != 1 || !s.targets[0].is(TreeKind::name))
    fail(s.targets.empty() ? s.at : s.targets[0].at, "expected one name before '='");
  return s.targets[0].text;
}

std::vector<std::pair<const Tree*, const Tree*>> Parser::targets(const Statement& s) {
  std::vector<std::pair<const Tree*, const Tree*>> out;
  bool several = s.targets.size() != 1;
  if (several && (!s.value.is(TreeKind::tuple) || s.value.children.size() != s.targets.size()))
    fail(s.value.at, fmt::format("expected {} values for {} names", s.targets.size(), s.targets.size()));
  for (size_t i = 0; i < s.targets.size(); ++i) {
    if (!s.targets[i].is(TreeKind::name)) fail(s.targets[i].at, "expected a name");
    out.emplace_back(&s.targets[i], several ? &s.value.children[i] : &s.value);
  }
  return out;
}

Ref<Var> Parser::variable(const std::string& id, const Tree* facts, DType type) {
  Var v{.id = id, .type = type};
  if (!facts) return make(std::move(v));
  if (!facts->calls("Dim")) fail(facts->at, "expected the facts of a variable, Dim(min, max, multiple=…, type=…)");
  Arguments given = arguments(*facts, 0, 2, {"min", "max", "multiple", "type"});
  const Tree *min = given.find("min"), *max = given.find("max");
  if ((min && !given.plain.empty()) || (max && given.plain.size() > 1)) fail(facts->at, "a bound is given twice");
  if (!given.plain.empty()) min = given.plain[0];
  if (given.plain.size() > 1) max = given.plain[1];
  if (min) v.min = integer(*min, "the minimum");
  if (max) v.max = integer(*max, "the maximum");
  if (v.min > v.max) fail(facts->at, fmt::format("the minimum {} is above the maximum {}", v.min, v.max));
  if (const Tree* x = given.find("multiple")) v.multiple = integer(*x, "the multiple");
  if (v.multiple < 1) fail(facts->at, fmt::format("the multiple is {}, expected 1 or more", v.multiple));
  if (const Tree* x = given.find("type")) v.type = dtype(*x);
  return make(std::move(v));
}

Ref<Buffer> Parser::buffer(const std::string& id, const Tree& t) {
  Arguments given = arguments(t, 2, 2, {"strides", "scope"});
  Buffer b{.id = id, .shape = expr_tuple(*given.plain[0], "a shape"), .element = dtype(*given.plain[1]), .strides = {}};
  if (const Tree* x = given.find("strides")) b.strides = expr_tuple(*x, "the strides");
  if (const Tree* x = given.find("scope")) b.scope = string(*x, "the scope");
  return make(std::move(b));
}

// ---- suites

Ref<Stmt> Parser::suite(Statements statements) {
  Names scope(*this);
  return one(items(statements));
}

Ref<Stmt> Parser::one(std::vector<Ref<Stmt>> made) { return made.size() == 1 ? made[0] : make(Seq{.body = std::move(made)}); }

std::vector<Ref<Stmt>> Parser::items(Statements statements) {
  std::vector<Ref<Stmt>> out;
  for (size_t i = 0; i < statements.size(); ++i) {
    const Statement& s = statements[i];
    if (is_nothing(s)) continue;
    OriginScope origin(origin_for(s));
    bool names = s.kind == StatementKind::assign && !(s.targets.size() == 1 && s.targets[0].is(TreeKind::subscript));
    if (!names) {
      out.push_back(statement(s));
      continue;
    }
    Depth deeper(*this, s.at);
    std::string name = target_name(s);
    Statements after = statements.subspan(i + 1);
    if (s.value.calls("allocate")) {
      Ref<Buffer> made = buffer(name, s.value);
      bind(s.at, name, made);
      out.push_back(make(Allocate{.buffer = made, .body = one(items(after))}));
    } else {
      Ref<Expr> value = expr(s.value);
      Ref<Var> made = variable(name, s.annotation.is(TreeKind::absent) ? nullptr : &s.annotation, value->dtype);
      bind(s.at, name, made);
      out.push_back(make(Let{.value = value, .var = made, .body = one(items(after))}));
    }
    break;
  }
  return out;
}

Ref<Stmt> Parser::statement(const Statement& s) {
  switch (s.kind) {
  case StatementKind::assign: return store(s.at, s.targets[0], s.value, nullptr);
  case StatementKind::loop: return loop_statement(s);
  case StatementKind::with: return with_statement(s);
  case StatementKind::branch: {
    Ref<Expr> cond = condition(s.value);
    Ref<Stmt> then = suite(s.body);
    Opt<Stmt> otherwise;
    if (!s.otherwise.empty()) otherwise = suite(s.otherwise);
    return make(If{.cond = cond, .then = then, .otherwise = otherwise});
  }
  case StatementKind::repeat: {
    Ref<Expr> cond = condition(s.value);
    return make(While{.cond = cond, .body = suite(s.body)});
  }
  case StatementKind::check: {
    Assert out{.cond = condition(s.value), .message = ""};
    if (s.annotation.calls("user")) {
      out.fault = Fault::user;
      out.message = string(*arguments(s.annotation, 1, 1, {}).plain[0], "the message");
    } else if (!s.annotation.is(TreeKind::absent)) out.message = string(s.annotation, "the message");
    return make(std::move(out));
  }
  case StatementKind::expression: return expression_statement(s);
  case StatementKind::give: fail(s.at, "a kernel returns nothing", "outputs are parameters: C: Out[(n, 64), f32]");
  case StatementKind::define: fail(s.at, "a kernel holds no functions");
  default: fail(s.at, "expected a statement of a kernel");
  }
}

Ref<Expr> Parser::condition(const Tree& t) {
  Ref<Expr> cond = expr(t);
  if (!cond->dtype.is_bool()) fail(t.at, fmt::format("a condition is bool, this is {}", to_string(cond->dtype)));
  return cond;
}

Ref<Stmt> Parser::expression_statement(const Statement& s) {
  if (s.value.calls("store")) {
    Arguments given = arguments(s.value, 2, 2, {"mask"});
    return store(s.at, *given.plain[0], *given.plain[1], given.find("mask"));
  }
  if (calls_any(s.value, {"where", "reads", "writes", "hints"}))
    fail(s.at, fmt::format("'{}' stands at the head of a block, before its body", s.value.children[0].text));
  if (is_generic(s.value)) {
    Opt<Node> made = generic(s.value);
    if (as<Stmt>(made)) return as_ref<Stmt>(made);
    if (as<Expr>(made)) return make(Evaluate{.value = as_ref<Expr>(made)});
    fail(s.at, fmt::format("a {} is no statement", kind_name(made.node())));
  }
  return make(Evaluate{.value = expr(s.value)});
}

Ref<Stmt> Parser::store(size_t place, const Tree& target, const Tree& value, const Tree* mask) {
  Ref<Buffer> into = buffer_of(target);
  std::vector<Ref<Expr>> index = index_list(target, *into);
  Ref<Expr> stored = expr(value, into->element);
  if (stored->dtype.element() != into->element)
    fail(place, fmt::format("'{}' holds {}, the value is {}", into->id.str(), to_string(into->element), to_string(stored->dtype)),
         fmt::format("convert it: {}(…)", to_string(into->element)));
  Opt<Expr> guard;
  if (mask) guard = expr(*mask);
  return make(Store{.buffer = into, .index = std::move(index), .value = stored, .mask = guard});
}

Ref<Stmt> Parser::loop_statement(const Statement& s) {
  const Tree& t = s.value;
  std::string_view word = t.is(TreeKind::call) ? t.children[0].last_name() : std::string_view();
  auto how = word == "range" ? ForKind::serial : parse_enum<ForKind>(word);
  if (!how) fail(t.at, "expected range(…), parallel(…), vectorised(…) or unrolled(…)");
  Arguments given = arguments(t, 1, 2, {"extent", "var"});
  Ref<Expr> begin = given.plain.size() == 2 || given.find("extent") ? expr(*given.plain[0]) : imm(0);
  const Tree* extent = given.find("extent");
  if (extent && given.plain.size() == 2) fail(t.at, "a loop has an end or an extent, not both");
  Ref<Expr> count = extent ? expr(*extent) : given.plain.size() == 2 ? extent_of(*given.plain[1], begin) : expr(*given.plain[0]);
  if (!begin->dtype.is_int() || !count->dtype.is_int()) fail(t.at, "the range of a loop is of integers");
  Names scope(*this);
  Ref<Var> v = variable(s.targets[0].text, given.find("var"), begin->dtype);
  bind(s.targets[0].at, s.targets[0].text, v);
  return make(For{.begin = begin, .extent = count, .var = v, .body = suite(s.body), .how = *how});
}

// ---- with

Ref<Stmt> Parser::with_statement(const Statement& s) {
  const Tree& t = s.value;
  bool named = t.calls("let") || t.calls("allocate");
  if (named && s.targets.empty()) fail(s.at, "expected 'as' and a name");
  if (!named && !s.targets.empty()) fail(s.targets[0].at, "only let(…) and allocate(…) give a name");
  if (t.calls("block")) return block(s);
  if (t.calls("register_tile")) return register_tile(s);
  Names scope(*this);
  if (t.calls("seq")) return make(Seq{.body = items(s.body)});
  if (t.calls("let")) {
    Arguments given = arguments(t, 1, 1, {"var"});
    Ref<Expr> value = expr(*given.plain[0]);
    Ref<Var> made = variable(s.targets[0].text, given.find("var"), value->dtype);
    bind(s.at, s.targets[0].text, made);
    return make(Let{.value = value, .var = made, .body = suite(s.body)});
  }
  if (t.calls("allocate")) {
    Ref<Buffer> made = buffer(s.targets[0].text, t);
    bind(s.at, s.targets[0].text, made);
    return make(Allocate{.buffer = made, .body = suite(s.body)});
  }
  if (t.calls("init")) fail(s.at, "'with init()' stands at the head of a block, before its body");
  fail(t.at, "expected block(\"…\"), register_tile(), let(…), allocate(…) or seq() after 'with'");
}

Ref<Stmt> Parser::block(const Statement& s) {
  Names scope(*this);
  Block out{.id = string(*arguments(s.value, 1, 1, {}).plain[0], "the block's name"), .body = make(Seq{})};
  std::vector<Ref<Iter>> iters;
  std::vector<Ref<Region>> reads, writes;
  std::vector<Ref<Attr>> hints;
  size_t i = 0;
  for (; i < s.body.size(); ++i) {
    const Statement& head = s.body[i];
    const Tree& first = head.value.is(TreeKind::tuple) && !head.value.children.empty() ? head.value.children[0] : head.value;
    if (head.kind == StatementKind::assign && calls_any(first, {"spatial", "reduce", "ordered"})) {
      for (auto [name, value] : targets(head)) iters.push_back(iter(*name, *value));
    } else if (head.kind == StatementKind::expression && head.value.calls("where")) {
      out.where = condition(*arguments(head.value, 1, 1, {}).plain[0]);
    } else if (head.kind == StatementKind::expression && calls_any(head.value, {"reads", "writes"})) {
      for (const Tree* r : arguments(head.value, 0, SIZE_MAX, {}).plain) (head.value.calls("reads") ? reads : writes).push_back(region(*r));
    } else if (head.kind == StatementKind::expression && head.value.calls("hints")) {
      hints = attrs(arguments(head.value, 0));
    } else if (head.kind == StatementKind::with && head.value.calls("init")) {
      OriginScope origin(origin_for(head));
      out.init = suite(head.body);
    } else break;
  }
  out.iters = std::move(iters);
  out.reads = std::move(reads);
  out.writes = std::move(writes);
  out.hints = std::move(hints);
  out.body = suite(Statements(s.body).subspan(i));
  return make(std::move(out));
}

Ref<Iter> Parser::iter(const Tree& name, const Tree& t) {
  auto how = t.is(TreeKind::call) ? parse_enum<IterKind>(t.children[0].last_name()) : std::nullopt;
  if (!how) fail(t.at, "expected spatial(extent, value), reduce(…) or ordered(…)");
  Arguments given = arguments(t, 2, 2, {"var"});
  Ref<Expr> extent = expr(*given.plain[0]), value = expr(*given.plain[1]);
  Ref<Var> v = variable(name.text, given.find("var"), value->dtype);
  bind(name.at, name.text, v);
  return make(Iter{.value = value, .extent = extent, .var = v, .how = *how});
}

Ref<Stmt> Parser::register_tile(const Statement& s) {
  Names scope(*this);
  arguments(s.value, 0, 0, {});
  std::vector<Ref<TileAxis>> rows, column, reduce;
  Opt<Expr> columns, prefetch;
  size_t i = 0;
  for (; i < s.body.size(); ++i) {
    const Statement& head = s.body[i];
    const Tree& first = head.value.is(TreeKind::tuple) && !head.value.children.empty() ? head.value.children[0] : head.value;
    if (head.kind == StatementKind::assign && calls_any(first, {"row", "column", "reduce"})) {
      for (auto [name, value] : targets(head)) {
        if (!calls_any(*value, {"row", "column", "reduce"})) fail(value->at, "expected row(extent), column(extent) or reduce(extent)");
        auto& axes = value->calls("row") ? rows : value->calls("column") ? column : reduce;
        Arguments given = arguments(*value, 1, 1, {"var"});
        Ref<Expr> extent = expr(*given.plain[0]);
        axes.push_back(make(TileAxis{.extent = extent, .var = variable(name->text, given.find("var"), extent->dtype)}));
        bind(name->at, name->text, axes.back()->var);
      }
    } else if (head.kind == StatementKind::expression && head.value.calls("columns")) {
      columns = expr(*arguments(head.value, 1, 1, {}).plain[0]);
    } else if (head.kind == StatementKind::expression && head.value.calls("prefetch")) {
      prefetch = expr(*arguments(head.value, 1, 1, {}).plain[0]);
    } else break;
  }
  if (column.size() != 1) fail(s.at, fmt::format("a register tile has one column axis, found {}", column.size()), "write c = column(16)");
  if (i >= s.body.size() || s.body[i].kind != StatementKind::assign || !s.body[i].value.calls("fold"))
    fail(i < s.body.size() ? s.body[i].at : s.at, "expected acc = fold(\"add\", init, value) after the axes");
  const Statement& head = s.body[i];
  Arguments given = arguments(head.value, 3, 3, {"var"});
  std::string word = string(*given.plain[0], "how values combine");
  auto combine = parse_enum<Combine>(word);
  if (!combine)
    fail(given.plain[0]->at, fmt::format("'{}' is no way to combine", word), "ways are add, mul, min, max, logical_and, logical_or");
  Ref<Expr> value = expr(*given.plain[2]);
  std::string name = target_name(head);
  Ref<Var> acc = variable(name, given.find("var"), value->dtype);
  Ref<Expr> init = expr(*given.plain[1], acc->type);
  bind(head.at, name, acc);
  return make(RegisterTile{.rows = std::move(rows),
                           .column = column[0],
                           .reduce = std::move(reduce),
                           .init = init,
                           .value = value,
                           .acc = acc,
                           .body = suite(Statements(s.body).subspan(i + 1)),
                           .combine = *combine,
                           .columns = columns,
                           .prefetch = prefetch});
}

} // namespace tw::parse_detail

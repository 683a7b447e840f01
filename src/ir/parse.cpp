// SPDX-License-Identifier: Apache-2.0
// The parser's entries, its names, and modules: constants, functions, kernels.
#include "ir/parse.h"

#include <algorithm>

namespace tw {

using parse_detail::Parser;

Ref<Module> parse(std::string_view text, const Source& source, const Scope& captured) {
  syntax::Text place(text, source);
  std::vector<syntax::Statement> file = syntax::read_file(place);
  return Parser(place, captured).module(file);
}

Opt<Node> parse_fragment(std::string_view text, Fragment fragment, const Source& source, const Scope& captured) {
  syntax::Text place(text, source);
  Parser parser(place, captured);
  if (fragment == Fragment::statement || fragment == Fragment::callable || text.starts_with("@")) {
    std::vector<syntax::Statement> file = syntax::read_file(place);
    return parser.fragment_statements(file, fragment);
  }
  syntax::Tree tree = syntax::read_expression(place);
  switch (fragment) {
  case Fragment::expression: return parser.expr(tree);
  case Fragment::type: return parser.type(tree);
  default: return parser.node(tree);
  }
}

Ref<Expr> parse_expression(std::string_view text, const Scope& captured) {
  return as_ref<Expr>(parse_fragment(text, Fragment::expression, {}, captured));
}
Ref<Stmt> parse_statement(std::string_view text, const Scope& captured) {
  return as_ref<Stmt>(parse_fragment(text, Fragment::statement, {}, captured));
}
Ref<Type> parse_type(std::string_view text, const Scope& captured) {
  return as_ref<Type>(parse_fragment(text, Fragment::type, {}, captured));
}

namespace parse_detail {

// ---- names

Parser::Names::~Names() {
  for (; parser_.shadowed_.size() > mark_; parser_.shadowed_.pop_back()) {
    auto& [name, before] = parser_.shadowed_.back();
    parser_.names_.erase(name);
    if (before) parser_.names_.emplace(name, Ref<Node>(before.node(), 0));
  }
}

void Parser::bind(size_t place, const std::string& name, const Ref<Node>& node) {
  if (syntax::is_reserved(name)) fail(place, fmt::format("'{}' has a meaning of its own and cannot be a name", name));
  auto found = names_.find(name);
  shadowed_.emplace_back(name, found == names_.end() ? Opt<Node>() : Opt<Node>(found->second));
  names_.insert_or_assign(name, node);
}

std::optional<Captured> Parser::find(const std::string& name) const {
  if (auto found = names_.find(name); found != names_.end()) return Captured(found->second);
  if (auto found = captured_.names.find(name); found != captured_.names.end()) return Captured(found->second);
  return captured_.find ? captured_.find(name) : std::nullopt;
}

Opt<Node> Parser::find_node(const Tree& t) const {
  if (!t.is(TreeKind::name)) return {};
  auto found = find(t.text);
  if (!found) return {};
  const auto* node = std::get_if<Ref<Node>>(&*found);
  return node ? Opt<Node>(*node) : Opt<Node>();
}

void Parser::unknown(const Tree& t, std::string_view what) const {
  std::vector<std::string> candidates;
  for (const auto& [name, node] : names_) candidates.push_back(name);
  for (const auto& [name, node] : captured_.names) candidates.push_back(name);
  auto near = syntax::nearest(t.text, candidates);
  fail(t.at, fmt::format("{} '{}' is not defined", what, t.text), near ? fmt::format("did you mean '{}'?", *near) : "");
}

Opt<Origin> Parser::origin_for(const Statement& s) const {
  if (s.note.empty()) {
    if (text_.source().file.empty()) return {};
    return make(Origin{.kind = OriginKind::file, .text = text_.source().file, .line = text_.locate(s.at).first});
  }
  std::string_view text = s.note.substr(std::min(s.note.find_first_not_of(' '), s.note.size()));
  size_t place = static_cast<size_t>(text.data() - text_.text().data());
  auto [line, column] = text_.locate(place);
  syntax::Text note(text, {text_.source().file, line, column});
  auto tokens = syntax::tokenize(note);
  using syntax::TokenKind;
  auto kind = tokens[0].kind == TokenKind::name ? parse_enum<OriginKind>(tokens[0].text) : std::nullopt;
  bool has_line = kind && tokens.size() > 2 && tokens[2].kind == TokenKind::integer;
  if (!kind || tokens.size() != (has_line ? 5 : 4) || tokens[1].kind != TokenKind::string)
    fail(place, "an origin is written: #@ kind \"text\" line", "kinds are model, file, pass, python, fused; the line may be left out");
  int64_t number = 0;
  if (has_line) number = integer(Tree{.kind = TreeKind::integer, .at = place, .text = tokens[2].text}, "a line");
  return make(Origin{.kind = *kind, .text = tokens[1].text, .line = number});
}

// ---- arguments

const Tree* Parser::Arguments::find(std::string_view name) const {
  for (const Tree* t : named)
    if (t->text == name) return &t->children[0];
  return nullptr;
}

Parser::Arguments Parser::arguments(const Tree& call, size_t skip) const {
  Arguments out;
  for (size_t i = 1 + skip; i < call.children.size(); ++i) {
    const Tree& child = call.children[i];
    (child.is(TreeKind::keyword) ? out.named : out.plain).push_back(&child);
  }
  return out;
}

Parser::Arguments Parser::arguments(const Tree& call, size_t least, size_t most, std::initializer_list<std::string_view> names) const {
  Arguments out = arguments(call, 0);
  std::string_view callee = call.children[0].text;
  if (out.plain.size() < least || out.plain.size() > most) {
    std::string wanted = least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
    fail(call.at, fmt::format("'{}' takes {} argument{}, found {}", callee, wanted, wanted == "1" ? "" : "s", out.plain.size()));
  }
  for (const Tree* t : out.named) {
    if (std::find(names.begin(), names.end(), t->text) == names.end())
      fail(t->at, fmt::format("'{}' has no argument '{}'", callee, t->text),
           names.size() ? fmt::format("it has {}", fmt::join(names, ", ")) : "");
    if (out.find(t->text) != &t->children[0]) fail(t->at, fmt::format("the argument '{}' is given twice", t->text));
  }
  return out;
}

// ---- modules

namespace {
const Tree* callee_of(const Tree& decorator) { return decorator.is(TreeKind::call) ? &decorator.children[0] : &decorator; }
bool is_text(const Statement& s) { return s.kind == StatementKind::expression && s.value.is(TreeKind::string); }
} // namespace

Ref<Module> Parser::module(Statements file) {
  for (const Statement& s : file) {
    if (s.kind != StatementKind::define) continue;
    std::string id = s.name;
    for (const Tree& d : s.decorators)
      if (d.is(TreeKind::call))
        if (const Tree* given = arguments(d, 0).find("id")) id = string(*given, "the name");
    if (!callees_.insert(id).second) fail(s.at, fmt::format("there are two functions named '{}'", id));
  }
  std::vector<Ref<Attr>> attributes;
  std::vector<Ref<Callable>> functions;
  for (const Statement& s : file) {
    OriginScope origin(origin_for(s));
    if (s.kind == StatementKind::define) functions.push_back(callable(s));
    else top_level(s, attributes);
  }
  auto id_of = [](const Ref<Callable>& c) { return as<Function>(c) ? as<Function>(c)->id : as<Kernel>(c)->id; };
  std::stable_sort(functions.begin(), functions.end(), [&](const auto& a, const auto& b) { return id_of(a) < id_of(b); });
  return make(Module{.functions = std::move(functions), .attrs = std::move(attributes)});
}

void Parser::top_level(const Statement& s, std::vector<Ref<Attr>>& attributes) {
  if (s.kind == StatementKind::import || s.kind == StatementKind::pass || is_text(s)) return;
  if (s.kind == StatementKind::expression && s.value.calls("module")) {
    for (const auto& a : attrs(arguments(s.value, 0))) attributes.push_back(a);
    return;
  }
  if (s.kind == StatementKind::assign && s.value.calls("constant")) {
    std::string name = target_name(s);
    return bind(s.at, name, constant(s.value, name));
  }
  fail(s.at, "expected a constant, a function or a kernel", "write name = constant(…), or def below @function or @kernel");
}

Ref<Callable> Parser::callable(const Statement& s) {
  if (s.decorators.size() != 1) fail(s.at, "expected one decorator, @function or @kernel, before 'def'");
  const Tree& decorator = s.decorators[0];
  const Tree* callee = callee_of(decorator);
  Names scope(*this);
  if (callee->is(TreeKind::name) && callee->last_name() == "function") return function(s, decorator);
  if (callee->is(TreeKind::name) && callee->last_name() == "kernel") return kernel(s, decorator);
  fail(decorator.at, "expected @function or @kernel");
}

Parser::Head Parser::head(const Statement& s, const Tree& decorator) {
  Head out{.id = s.name, .dims = {}, .attrs = {}};
  if (!decorator.is(TreeKind::call)) return out;
  Arguments given = arguments(decorator, 0), rest;
  if (!given.plain.empty()) fail(given.plain[0]->at, "arguments of a decorator have names", "a size is written n=Dim(1, 64)");
  for (const Tree* t : given.named) {
    if (t->text == "id") out.id = string(t->children[0], "the name");
    else if (t->children[0].calls("Dim")) {
      for (const auto& d : out.dims)
        if (d->id == t->text.c_str()) fail(t->at, fmt::format("there are two sizes named '{}'", t->text));
      out.dims.push_back(variable(t->text, &t->children[0], i64));
      bind(t->at, t->text, out.dims.back());
    } else rest.named.push_back(t);
  }
  out.attrs = attrs(rest);
  return out;
}

void Parser::check_parameters(const Statement& s) const {
  for (size_t i = 0; i < s.parameters.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (s.parameters[i].name == s.parameters[j].name)
        fail(s.parameters[i].at, fmt::format("there are two parameters named '{}'", s.parameters[i].name));
}

Ref<Function> Parser::function(const Statement& s, const Tree& decorator) {
  check_parameters(s);
  Head h = head(s, decorator);
  Ref<Body> inside = body(s, s.annotation.is(TreeKind::absent) ? nullptr : &s.annotation);
  return make(Function{.id = h.id, .dims = std::move(h.dims), .body = inside, .attrs = std::move(h.attrs)});
}

Ref<Kernel> Parser::kernel(const Statement& s, const Tree& decorator) {
  check_parameters(s);
  Head h = head(s, decorator);
  if (!s.annotation.is(TreeKind::absent)) fail(s.annotation.at, "a kernel has no results", "outputs are parameters: C: Out[(n, 64), f32]");
  std::vector<Ref<Param>> params;
  for (const auto& p : s.parameters) {
    params.push_back(parameter(p));
    bind(p.at, p.name, params.back()->buffer);
  }
  Ref<Stmt> inside = suite(s.body);
  return make(Kernel{.id = h.id, .dims = std::move(h.dims), .params = std::move(params), .body = inside, .attrs = std::move(h.attrs)});
}

Ref<Param> Parser::parameter(const syntax::Parameter& p) {
  static constexpr std::string_view heads[] = {"In", "Out", "InOut"};
  const Tree& t = p.type;
  const auto* head = t.is(TreeKind::subscript) && t.children[0].is(TreeKind::name)
                         ? std::find(std::begin(heads), std::end(heads), t.children[0].last_name())
                         : std::end(heads);
  if (head == std::end(heads) || t.children.size() < 3)
    fail(t.at, fmt::format("the parameter '{}' needs a type", p.name), "write In[(n, 64), f32], Out[…] or InOut[…]");
  Buffer b{.id = p.name, .shape = expr_tuple(t.children[1], "a shape"), .element = dtype(t.children[2]), .strides = {}};
  for (size_t i = 3; i < t.children.size(); ++i) {
    const Tree& extra = t.children[i];
    if (extra.calls("strides")) {
      std::vector<Ref<Expr>> strides;
      for (const Tree* x : arguments(extra, 0).plain) strides.push_back(expr(*x));
      b.strides = std::move(strides);
    } else if (extra.calls("scope")) b.scope = string(*arguments(extra, 1, 1, {}).plain[0], "the scope");
    else fail(extra.at, "expected strides(…) or scope(\"…\")");
  }
  return make(Param{.buffer = build(t.at, std::move(b)), .access = static_cast<Access>(head - std::begin(heads))});
}

Opt<Node> Parser::fragment_statements(Statements statements, Fragment fragment) {
  if (fragment == Fragment::statement) return suite(statements);
  if (statements.size() != 1 || statements[0].kind != StatementKind::define) fail(0, "expected one function or kernel");
  OriginScope origin(origin_for(statements[0]));
  return callable(statements[0]);
}

// Anything that may stand alone.
Opt<Node> Parser::node(const Tree& t) {
  static constexpr std::string_view types[] = {"Tensor", "Scalar", "Tuple", "Sequence", "Optional"};
  if (t.is(TreeKind::name))
    if (Opt<Node> found = find_node(t)) return found;
  if (t.is(TreeKind::subscript)) {
    if (std::find(std::begin(types), std::end(types), t.children[0].last_name()) != std::end(types)) return type(t);
    for (const Tree& child : t.children)
      if (child.is(TreeKind::slice)) return region(t);
  }
  if (t.calls("constant")) return operand(t);
  return is_generic(t) ? generic(t) : expr(t);
}

} // namespace parse_detail
} // namespace tw

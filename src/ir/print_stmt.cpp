// SPDX-License-Identifier: Apache-2.0
// Statements of kernels. `x = value` and `T = allocate(…)` reach to the end of their suite; one that ends earlier is a `with`.
#include "ir/print.h"

namespace tw::print {

std::string Printer::facts(const Var& v, DType implied) {
  const Var plain;
  std::vector<std::string> parts;
  bool has_min = v.min != plain.min, has_max = v.max != plain.max;
  if (has_min) parts.push_back(fmt::format("{}", v.min));
  if (has_max) parts.push_back(fmt::format("{}{}", has_min ? "" : "max=", v.max));
  if (v.multiple != plain.multiple) parts.push_back(fmt::format("multiple={}", v.multiple));
  if (v.type != implied) parts.push_back("type=" + to_string(v.type));
  return fmt::format("Dim({})", join(parts));
}

std::string Printer::fact_argument(const Var& v, DType implied) {
  std::string text = facts(v, implied);
  return text == "Dim()" ? "" : ", var=" + text;
}

void Printer::suite(const Node* n) {
  NameScope scope(*this);
  ++indent_;
  statements(n);
  --indent_;
}

// A suite of one statement is that statement, of several a Seq; `with seq()` keeps any other Seq.
void Printer::statements(const Node* n) {
  const auto* s = as<Seq>(n);
  if (!s || s->body.size() == 1) return statement(n, true);
  if (s->body.empty()) return line("pass");
  for (size_t i = 0; i < s->body.size(); ++i) statement(s->body[i].node(), i + 1 == s->body.size());
}

std::string Printer::allocation(const Buffer& b) {
  std::vector<std::string> parts{tuple(b.shape), to_string(b.element)};
  if (!b.strides.empty()) parts.push_back("strides=" + tuple(b.strides));
  if (b.scope != "global") parts.push_back("scope=" + syntax::quote(b.scope.str()));
  return fmt::format("allocate({})", join(parts));
}

std::string Printer::loop_range(const For& s) {
  std::string word = s.how == ForKind::serial ? "range" : name_of(s.how);
  auto low = as_int(s.begin), count = as_int(s.extent);
  bool plain = s.begin->dtype == i64 && s.extent->dtype == i64;
  int64_t end = 0;
  std::string range;
  if (low == 0 && s.begin->dtype == i64) range = expr(s.extent.node());
  else if (plain && low && count && !__builtin_add_overflow(*low, *count, &end)) range = fmt::format("{}, {}", *low, end);
  else if (s.begin->dtype == s.extent->dtype)
    range = fmt::format("{}, {}", expr(s.begin.node()), expr(make(Binary{.op = BinaryOp::add, .a = s.begin, .b = s.extent}).node()));
  else range = fmt::format("{}, extent={}", expr(s.begin.node()), expr(s.extent.node()));
  return fmt::format("{}({}{})", word, range, fact_argument(*s.var, s.begin->dtype));
}

void Printer::branch(const If& s, const char* word) {
  line(fmt::format("{} {}:", word, expr(s.cond.node())), &s);
  suite(s.then.node());
  if (!s.otherwise) return;
  if (const auto* next = as<If>(s.otherwise)) return branch(*next, "elif");
  line("else:");
  suite(s.otherwise.node());
}

void Printer::block(const Block& b) {
  line(fmt::format("with block({}):", syntax::quote(b.id.str())), &b);
  NameScope scope(*this);
  ++indent_;
  std::vector<std::string> names, iters, reads, writes;
  for (const auto& i : b.iters) {
    iters.push_back(fmt::format("{}({}, {}{})", name_of(i->how), expr(i->extent.node()), expr(i->value.node()),
                                fact_argument(*i->var, i->value->dtype)));
    names.push_back(define(i->var.node()));
  }
  if (!names.empty()) line(fmt::format("{} = {}", join(names), join(iters)));
  if (b.where) line(fmt::format("where({})", expr(b.where.node())));
  for (const auto& r : b.reads) reads.push_back(region(*r));
  for (const auto& r : b.writes) writes.push_back(region(*r));
  if (!reads.empty()) line(fmt::format("reads({})", join(reads)));
  if (!writes.empty()) line(fmt::format("writes({})", join(writes)));
  if (!b.hints.empty()) line(fmt::format("hints({})", attr_arguments(b.hints, {})));
  if (b.init) {
    line("with init():", b.init.node());
    suite(b.init.node());
  }
  statements(b.body.node());
  --indent_;
}

void Printer::register_tile(const RegisterTile& t) {
  line("with register_tile():", &t);
  NameScope scope(*this);
  ++indent_;
  std::vector<std::string> names, axes;
  auto axis = [&](const char* word, const TileAxis& a) {
    axes.push_back(fmt::format("{}({}{})", word, expr(a.extent.node()), fact_argument(*a.var, a.extent->dtype)));
    names.push_back(define(a.var.node()));
  };
  for (const auto& a : t.rows) axis("row", *a);
  axis("column", *t.column);
  for (const auto& a : t.reduce) axis("reduce", *a);
  line(fmt::format("{} = {}", join(names), join(axes)));
  if (t.columns) line(fmt::format("columns({})", expr(t.columns.node())));
  if (t.prefetch) line(fmt::format("prefetch({})", expr(t.prefetch.node())));
  std::string fold = fmt::format("fold({}, {}, {}{})", syntax::quote(name_of(t.combine)), expr(t.init.node(), t.acc->type),
                                 expr(t.value.node()), fact_argument(*t.acc, t.value->dtype));
  line(fmt::format("{} = {}", define(t.acc.node()), fold));
  statements(t.body.node());
  --indent_;
}

void Printer::statement(const Node* n, bool last) {
  if (const auto* s = as<Let>(n)) {
    std::string text = expr(s->value.node()), extra = facts(*s->var, s->value->dtype);
    bool plain = extra == "Dim()";
    if (last) {
      line(fmt::format("{}{}{} = {}", define(s->var.node()), plain ? "" : ": ", plain ? "" : extra, text), n);
      return statements(s->body.node());
    }
    NameScope scope(*this);
    line(fmt::format("with let({}{}) as {}:", text, plain ? "" : ", var=" + extra, define(s->var.node())), n);
    suite(s->body.node());
  } else if (const auto* s = as<Allocate>(n)) {
    std::string text = allocation(*s->buffer);
    if (last) {
      line(fmt::format("{} = {}", define(s->buffer.node()), text), n);
      return statements(s->body.node());
    }
    NameScope scope(*this);
    line(fmt::format("with {} as {}:", text, define(s->buffer.node())), n);
    suite(s->body.node());
  } else if (const auto* s = as<For>(n)) {
    std::string range = loop_range(*s);
    NameScope scope(*this);
    line(fmt::format("for {} in {}:", define(s->var.node()), range), n);
    suite(s->body.node());
  } else if (const auto* s = as<Store>(n)) {
    std::string place = target(s->buffer.node(), s->index), text = expr(s->value.node(), s->buffer->element);
    if (s->mask) line(fmt::format("store({}, {}, mask={})", place, text, expr(s->mask.node())), n);
    else line(fmt::format("{} = {}", place, text), n);
  } else if (const auto* s = as<While>(n)) {
    line(fmt::format("while {}:", expr(s->cond.node())), n);
    suite(s->body.node());
  } else if (const auto* s = as<Assert>(n)) {
    std::string message = syntax::quote(s->message.str());
    line(fmt::format("assert {}, {}", expr(s->cond.node()), s->fault == Fault::user ? "user(" + message + ")" : message), n);
  } else if (const auto* s = as<Seq>(n)) {
    line("with seq():", n);
    NameScope scope(*this);
    ++indent_;
    for (size_t i = 0; i < s->body.size(); ++i) statement(s->body[i].node(), i + 1 == s->body.size());
    if (s->body.empty()) line("pass");
    --indent_;
  } else if (const auto* s = as<If>(n)) branch(*s, "if");
  else if (const auto* s = as<Block>(n)) block(*s);
  else if (const auto* s = as<RegisterTile>(n)) register_tile(*s);
  else if (const auto* s = as<Evaluate>(n)) line(expr(s->value.node()), n);
  else line(generic(n), n);
}

} // namespace tw::print

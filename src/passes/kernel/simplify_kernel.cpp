// SPDX-License-Identifier: Apache-2.0
// Simplifies every index and condition with what the loops around it say; removes loops of one or no iteration, conditions that are always
// or never true, statements that do nothing.
#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

class Simplifier {
public:
  Opt<Stmt> statement(const Ref<Stmt>& s) {
    OriginScope origin(s->origin);
    // What holds inside a loop, because it runs, need not hold after it.
    std::optional<arith::Analyzer::Scope> inside;
    if (as<For>(s) || as<RegisterTile>(s)) inside.emplace(analyzer_.scope());
    if (const auto* x = as<For>(s)) return loop(*x, s);
    if (const auto* x = as<Seq>(s)) {
      std::vector<Ref<Stmt>> body;
      for (const auto& part : x->body)
        if (Opt<Stmt> out = statement(part)) body.push_back(as_ref<Stmt>(out));
      if (body.empty()) return {};
      return seq(std::move(body));
    }
    if (const auto* x = as<If>(s)) {
      Ref<Expr> cond = expression(x->cond);
      if (auto known = as_int(cond))
        return *known ? statement(x->then) : x->otherwise ? statement(as_ref<Stmt>(x->otherwise)) : Opt<Stmt>();
      Opt<Stmt> then, otherwise;
      {
        auto scope = analyzer_.assume(cond);
        then = statement(x->then);
      }
      if (x->otherwise) {
        auto scope = analyzer_.assume(!cond);
        otherwise = statement(as_ref<Stmt>(x->otherwise));
      }
      if (!then && !otherwise) return {};
      if (!then) return make(If{.cond = expression(!cond), .then = as_ref<Stmt>(otherwise)});
      return make(If{.cond = cond, .then = as_ref<Stmt>(then), .otherwise = otherwise});
    }
    if (const auto* x = as<Let>(s)) {
      Ref<Expr> value = expression(x->value);
      if (as<IntImm>(value) || as<FloatImm>(value) || as<Var>(value))
        return statement(substitute(x->body, Substitution{{x->var.node(), value}}));
      if (value->dtype == i64 && !loads(value)) analyzer_.bind_value(x->var, value);
      Opt<Stmt> body = statement(x->body);
      if (!body) return {};
      return make(Let{.value = value, .var = x->var, .body = as_ref<Stmt>(body)});
    }
    if (const auto* x = as<Allocate>(s)) {
      Opt<Stmt> body = statement(x->body);
      if (!body) return {};
      return make(Allocate{.buffer = x->buffer, .body = as_ref<Stmt>(body)});
    }
    if (const auto* x = as<RegisterTile>(s)) {
      for (const auto& axis : x->rows) analyzer_.bind(axis->var, imm(0), axis->extent);
      analyzer_.bind(x->column->var, imm(0), x->column->extent);
      for (const auto& axis : x->reduce) analyzer_.bind(axis->var, imm(0), axis->extent);
    }
    if (const auto* x = as<Assert>(s)) {
      Ref<Expr> cond = expression(x->cond);
      if (is_int(cond, 1)) return {};
      return with(with(as_ref<Assert>(s), &Assert::cond, cond), &Assert::message, x->message);
    }
    // Stores, tiles, loops of unknown count: expressions and statements inside, each by its own rule.
    return as_opt<Stmt>(map_children(s.node(), [&](const Node* c) -> Opt<Node> {
      if (as<Expr>(c) && !as<Var>(c)) return expression(as_ref<Expr>(c));
      if (as<Stmt>(c)) {
        Opt<Stmt> out = statement(as_ref<Stmt>(c));
        return out ? Opt<Node>(out) : Opt<Node>(seq({}));
      }
      if (as<TileAxis>(c))
        return map_children(
            c, [&](const Node* e) -> Opt<Node> { return as<Var>(e) ? Opt<Node>(e, 0) : Opt<Node>(expression(as_ref<Expr>(e))); });
      return Opt<Node>(c, 0);
    }));
  }

private:
  static bool loads(const Ref<Expr>& e) {
    bool found = false;
    visit(e, [&](const Load&) { found = true; });
    return found;
  }

  Ref<Expr> expression(const Ref<Expr>& e) { return analyzer_.simplify(e); }

  Opt<Stmt> loop(const For& x, const Ref<Stmt>& s) {
    Ref<Expr> begin = expression(x.begin), extent = expression(x.extent);
    if (auto count = as_int(extent)) {
      if (*count <= 0) return {};
      // A parallel loop stays: it says that the thread's share is taken here.
      if (*count == 1 && x.how != ForKind::parallel) return statement(substitute(x.body, Substitution{{x.var.node(), begin}}));
    }
    analyzer_.bind(x.var, begin, extent);
    Opt<Stmt> body = statement(x.body);
    if (!body) return {};
    if (begin.same_as(x.begin) && extent.same_as(x.extent) && body.same_as(x.body)) return s;
    return make(For{.begin = begin, .extent = extent, .var = x.var, .body = as_ref<Stmt>(body), .how = x.how});
  }

  arith::Analyzer analyzer_;
};

} // namespace

Ref<Kernel> simplify_kernel(const Ref<Kernel>& kernel, PassContext&) {
  Opt<Stmt> body = Simplifier().statement(kernel->body);
  return with(kernel, &Kernel::body, body ? as_ref<Stmt>(body) : seq({}));
}

extern const Pass simplify_kernel_pass;
const Pass simplify_kernel_pass = {.name = "simplify_kernel",
                                   .doc = "simplifies indices and conditions by the loops around them; removes empty code",
                                   .kernel = simplify_kernel};

} // namespace tw::passes

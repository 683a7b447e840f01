// SPDX-License-Identifier: Apache-2.0
// A map that asks along a loop where it is (in which part of a concatenation, inside or outside of a border) would ask at every element,
// and compute every answer. The loop is cut where the answers change; in each piece the questions are gone.
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/rules/rules.h"

namespace tw::schedule {
namespace {

constexpr size_t most_pieces = 64;

bool is_comparison(const Binary& b) { return b.op == BinaryOp::lt || b.op == BinaryOp::le || b.op == BinaryOp::gt || b.op == BinaryOp::ge; }

// What selects and masks of the block ask.
std::vector<const Binary*> questions(const Block& block) {
  std::vector<const Binary*> out;
  auto look = [&](const Node* condition) {
    visit(condition, [&](const Binary& b, Walk walk) {
      if (is_comparison(b)) out.push_back(&b);
      else walk(static_cast<const Node*>(&b));
    });
  };
  visit(
      block.body,
      [&](const Select& x, Walk walk) {
        look(x.cond.node());
        walk(static_cast<const Node*>(&x));
      },
      [&](const Load& x, Walk walk) {
        if (x.mask) look(x.mask.node());
        walk(static_cast<const Node*>(&x));
      });
  return out;
}

// Places in rising order, each only once; false when it cannot be told where a place stands among the others.
bool insert_in_order(std::vector<Ref<Expr>>& places, const Ref<Expr>& place) {
  arith::Analyzer analyzer;
  for (size_t i = 0; i < places.size(); ++i) {
    if (analyzer.prove_equal(places[i], place)) return true;
    if (analyzer.prove(places[i] <= place)) continue;
    if (!analyzer.prove(place <= places[i])) return false;
    places.insert(places.begin() + static_cast<int64_t>(i), place);
    return true;
  }
  places.push_back(place);
  return true;
}

// Does each place provably lie within what the cuts before it leave of the loop?
bool can_be_cut(const For& loop, const std::vector<Ref<Expr>>& places) {
  arith::Analyzer analyzer;
  Ref<Expr> begin = imm(0);
  for (const Ref<Expr>& at : places) {
    Ref<Expr> first = arith::simplify(at - begin), all = arith::simplify(loop.extent - begin);
    if (!analyzer.prove(first >= imm(0)) || !analyzer.prove(first <= all)) return false;
    begin = at;
  }
  return true;
}

// Iterations of the loop at which an answer changes, in order.
std::vector<Ref<Expr>> borders(Schedule& s, const Block& block, const For& loop) {
  std::vector<Ref<Expr>> out;
  if (!is_int(loop.begin, 0)) return out;
  Substitution values = iteration_values(block);
  auto loops = s.loops(block.id);
  arith::Analyzer analyzer, outside;
  bind_loops(analyzer, loops);
  for (const Binary* question : questions(block)) {
    if (!question->a->dtype.is_int()) continue;
    Ref<Expr> difference = substitute(question->a - question->b, values);
    auto form = uses(difference.node(), loop.var.node()) ? arith::affine(difference, {loop.var}, analyzer) : std::nullopt;
    auto step = form ? as_int(form->coefficients[0]) : std::nullopt;
    if (!step || (*step != 1 && *step != -1)) continue;
    // step * i + rest compared with 0; `<` and `>=` change at the root of a rising line, `<=` and `>` behind it; falling ones the other
    // way.
    bool behind = (question->op == BinaryOp::le || question->op == BinaryOp::gt) != (*step < 0);
    Ref<Expr> at = arith::simplify(form->rest * -*step + (behind ? 1 : 0));
    bool inside = outside.prove(at >= imm(0)) && outside.prove(at <= loop.extent);
    for (const auto& around : loops) inside = inside && !uses(at.node(), around->var.node());
    if (!inside || is_int(at, 0) || outside.prove_equal(at, loop.extent)) continue;
    if (!insert_in_order(out, at)) return {};
  }
  return can_be_cut(loop, out) ? out : std::vector<Ref<Expr>>();
}

// The block without the questions that its loops answer.
void answer(Schedule& s, const Name& id) {
  Ref<Block> block = s.block(id);
  Substitution values = iteration_values(*block);
  arith::Analyzer analyzer;
  bind_loops(analyzer, s.loops(id));
  Ref<Stmt> body = rewrite(
      block->body,
      [&](const Binary& b) -> Opt<Expr> {
        if (b.op == BinaryOp::logical_and || b.op == BinaryOp::logical_or) return binary(b.op, b.a, b.b);
        if (!is_comparison(b) || !b.a->dtype.is_int()) return {};
        auto known = as_int(analyzer.simplify(substitute(ref_to<Expr>(b), values)));
        return known ? Opt<Expr>(imm(*known, boolean)) : Opt<Expr>();
      },
      [&](const Select& x) -> Opt<Expr> {
        auto known = as_int(x.cond);
        return known ? Opt<Expr>(*known ? x.a : x.b) : Opt<Expr>();
      },
      [&](const Load& x) -> Opt<Expr> {
        auto known = x.mask ? as_int(x.mask) : std::nullopt;
        if (!known) return {};
        if (*known) return make(Load{.buffer = x.buffer, .index = x.index});
        return x.dtype.is_bool() ? imm(0, x.dtype) : zero(x.dtype);
      });
  s.replace(block.node(), with(block, &Block::body, body));
}

Name block_in(Schedule& s, const Ref<Var>& loop) {
  Name id;
  visit(s.loop(loop).node(), [&](const Block& b) { id = b.id; });
  return id;
}

} // namespace

std::vector<Name> settle_conditions(Schedule& s, Name id) {
  auto loops = nest_of(s, id).loops;
  for (size_t i = loops.size(); i-- > 0;) {
    auto places = borders(s, *s.block(id), *loops[i]);
    if (places.empty() || places.size() >= most_pieces || loops[i]->how != ForKind::serial) continue;
    std::vector<Name> pieces;
    Ref<Var> rest = loops[i]->var;
    Ref<Expr> begin = imm(0);
    for (const Ref<Expr>& at : places) {
      Loops parts = partition(s, rest, arith::simplify(at - begin));
      pieces.push_back(block_in(s, parts[0]));
      rest = parts[1];
      begin = at;
    }
    pieces.push_back(block_in(s, rest));
    for (const Name& piece : pieces) answer(s, piece);
    return pieces;
  }
  return {id};
}

} // namespace tw::schedule

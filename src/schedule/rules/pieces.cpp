// SPDX-License-Identifier: Apache-2.0
// A map that asks along a loop where it is (in which part of a concatenation, inside or outside of a border) would ask at every element,
// and compute every answer. The loop is cut where the answers change; in each piece the questions are gone.
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/rules/rules.h"

#include <set>

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

// Iterations of the loop at which an answer changes.
std::set<int64_t> borders(Schedule& s, const Block& block, const For& loop) {
  std::set<int64_t> out;
  auto extent = as_int(loop.extent);
  if (!extent || !is_int(loop.begin, 0)) return out;
  Substitution values = iteration_values(block);
  arith::Analyzer analyzer;
  bind_loops(analyzer, s.loops(block.id));
  for (const Binary* question : questions(block)) {
    if (!question->a->dtype.is_int()) continue;
    Ref<Expr> difference = substitute(question->a - question->b, values);
    auto form = uses(difference.node(), loop.var.node()) ? arith::affine(difference, {loop.var}, analyzer) : std::nullopt;
    auto step = form ? as_int(form->coefficients[0]) : std::nullopt, rest = form ? as_int(analyzer.simplify(form->rest)) : std::nullopt;
    if (!step || !rest || (*step != 1 && *step != -1)) continue;
    // step * i + rest compared with 0; `<` and `>=` change at the root of a rising line, `<=` and `>` behind it; falling ones the other
    // way.
    bool behind = (question->op == BinaryOp::le || question->op == BinaryOp::gt) != (*step < 0);
    int64_t at = -*rest * *step + (behind ? 1 : 0);
    if (at > 0 && at < *extent) out.insert(at);
  }
  return out;
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
    int64_t begin = 0;
    for (int64_t at : places) {
      Loops parts = partition(s, rest, imm(at - begin));
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

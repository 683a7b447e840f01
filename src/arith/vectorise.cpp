// SPDX-License-Identifier: Apache-2.0
#include "arith/vectorise.h"

namespace tw::arith {

Vectoriser::Vectoriser(const Ref<Var>& v, const Ref<Expr>& base, int lanes, Analyzer& analyzer)
    : variable_(v), base_(base), lanes_(lanes), analyzer_(analyzer) {
  memo_.emplace(v.node(), make(Ramp{.base = base, .stride = imm(1, base->dtype), .lanes = lanes}));
}

Ref<Expr> Vectoriser::widened(const Ref<Expr>& e) {
  Ref<Expr> x = expression(e);
  return x->dtype.lanes == 1 ? make(Broadcast{.value = x, .lanes = lanes_}) : x;
}

Ref<Expr> Vectoriser::expression(const Ref<Expr>& e) {
  if (auto found = memo_.find(e.node()); found != memo_.end()) return found->second;
  Ref<Expr> result = compute(e);
  memo_.emplace(e.node(), result);
  return result;
}

Ref<Expr> Vectoriser::quotient(const Ref<Expr>& a, const Ref<Expr>& b, bool remainder) {
  // All lanes share one quotient if the ramp starts low enough within its period.
  if (const auto* ramp = as<Ramp>(a); ramp && b->dtype.lanes == 1) {
    auto stride = as_int(ramp->stride);
    if (stride && *stride >= 0) {
      Ref<Expr> room = floormod(ramp->base, b) + *stride * (ramp->lanes - 1);
      if (analyzer_.prove(room < b)) {
        if (!remainder) return analyzer_.simplify(floordiv(ramp->base, b));
        return make(Ramp{.base = analyzer_.simplify(floormod(ramp->base, b)), .stride = ramp->stride, .lanes = ramp->lanes});
      }
    }
  }
  auto vector = [&](const Ref<Expr>& x) { return x->dtype.lanes == 1 ? Ref<Expr>(make(Broadcast{.value = x, .lanes = lanes_})) : x; };
  return make(Binary{.op = remainder ? BinaryOp::floormod : BinaryOp::floordiv, .a = vector(a), .b = vector(b)});
}

Ref<Expr> Vectoriser::binary(const Binary& e) {
  Ref<Expr> a = expression(e.a), b = expression(e.b);
  if (a->dtype.lanes == 1 && b->dtype.lanes == 1) return make(Binary{.op = e.op, .a = a, .b = b});
  const auto* left = as<Ramp>(a);
  const auto* right = as<Ramp>(b);
  if (e.dtype.is_int()) {
    bool a_scalar = a->dtype.lanes == 1, b_scalar = b->dtype.lanes == 1;
    if (e.op == BinaryOp::add || e.op == BinaryOp::sub) {
      auto apply = [&](const Ref<Expr>& x, const Ref<Expr>& y) { return tw::binary(e.op, x, y); };
      if (left && b_scalar) return make(Ramp{.base = apply(left->base, b), .stride = left->stride, .lanes = lanes_});
      if (right && a_scalar)
        return make(Ramp{.base = apply(a, right->base), .stride = apply(zero(e.dtype), right->stride), .lanes = lanes_});
      if (left && right) {
        Ref<Expr> stride = analyzer_.simplify(apply(left->stride, right->stride)), base = apply(left->base, right->base);
        if (is_int(stride, 0)) return base;
        return make(Ramp{.base = base, .stride = stride, .lanes = lanes_});
      }
    }
    if (e.op == BinaryOp::mul && left && b_scalar) return make(Ramp{.base = left->base * b, .stride = left->stride * b, .lanes = lanes_});
    if (e.op == BinaryOp::mul && right && a_scalar)
      return make(Ramp{.base = a * right->base, .stride = a * right->stride, .lanes = lanes_});
    if (e.op == BinaryOp::floordiv) return quotient(a, b, false);
    if (e.op == BinaryOp::floormod) return quotient(a, b, true);
  }
  auto vector = [&](const Ref<Expr>& x) { return x->dtype.lanes == 1 ? Ref<Expr>(make(Broadcast{.value = x, .lanes = lanes_})) : x; };
  return make(Binary{.op = e.op, .a = vector(a), .b = vector(b)});
}

Opt<Expr> Vectoriser::mask_with(const Opt<Expr>& own) {
  Opt<Expr> mask;
  auto add = [&](const Ref<Expr>& m) {
    mask = mask ? Opt<Expr>(make(Binary{.op = BinaryOp::logical_and, .a = as_ref<Expr>(mask), .b = m})) : Opt<Expr>(m);
  };
  for (const auto& m : masks_) add(m);
  if (own) add(widened(as_ref<Expr>(own)));
  return mask;
}

Ref<Expr> Vectoriser::compute(const Ref<Expr>& e) {
  if (const auto* x = as<Binary>(e)) return binary(*x);
  if (as<Var>(e) || as<IntImm>(e) || as<FloatImm>(e)) return e;
  if (const auto* x = as<Load>(e)) {
    Ref<Expr> index = expression(x->index[0]);
    if (index->dtype.lanes == 1 && !x->mask)
      return index.same_as(x->index[0]) ? e : Ref<Expr>(make(Load{.buffer = x->buffer, .index = {index}}));
    if (x->mask) {
      Ref<Expr> mask = widened(as_ref<Expr>(x->mask));
      return make(Load{.buffer = x->buffer, .index = {widened(x->index[0])}, .mask = mask});
    }
    return make(Load{.buffer = x->buffer, .index = {index}});
  }
  // Everything else is lanewise: children become vectors together.
  bool any = false;
  for_children(e.node(), [&](const Node* c) {
    if (as<Expr>(c)) any = any || expression(as_ref<Expr>(c))->dtype.lanes > 1;
  });
  Opt<Node> out = map_children(e.node(), [&](const Node* c) -> Opt<Node> {
    if (!as<Expr>(c)) return Opt<Node>(c, 0);
    return any ? widened(as_ref<Expr>(c)) : expression(as_ref<Expr>(c));
  });
  return as_ref<Expr>(out);
}

// All lanes add to one place: T[i] = T[i] + v becomes T[i] = T[i] + lane_add(v), the lanes combined first.
Opt<Stmt> Vectoriser::reduction(const Store& s, const Ref<Expr>& index, const Opt<Expr>& mask) {
  const auto* form = as<Binary>(s.value);
  const auto* old = form ? as<Load>(form->a) : nullptr;
  if (!old || mask || !old->buffer.same_as(s.buffer) || !equal(old->index[0], s.index[0])) return {};
  static const std::unordered_map<int, const char*> names = {
      {static_cast<int>(BinaryOp::add), "lane_add"},         {static_cast<int>(BinaryOp::mul), "lane_mul"},
      {static_cast<int>(BinaryOp::min), "lane_min"},         {static_cast<int>(BinaryOp::max), "lane_max"},
      {static_cast<int>(BinaryOp::logical_and), "lane_and"}, {static_cast<int>(BinaryOp::logical_or), "lane_or"}};
  auto name = names.find(static_cast<int>(form->op));
  if (name == names.end()) return {};
  Ref<Expr> lanes = call(name->second, {widened(form->b)});
  return make(Store{.buffer = s.buffer, .index = {index}, .value = make(Binary{.op = form->op, .a = load(s.buffer, {index}), .b = lanes})});
}

Opt<Stmt> Vectoriser::statement(const Ref<Stmt>& s) {
  if (const auto* x = as<Store>(s)) {
    Ref<Expr> index = expression(x->index[0]), value = expression(x->value);
    Opt<Expr> mask = mask_with(x->mask);
    if (index->dtype.lanes == 1 && value->dtype.lanes == 1 && !mask)
      return make(Store{.buffer = x->buffer, .index = {index}, .value = value});
    if (index->dtype.lanes == 1) return reduction(*x, index, mask);
    return make(Store{.buffer = x->buffer, .index = {index}, .value = widened(x->value), .mask = mask});
  }
  if (const auto* x = as<Seq>(s)) {
    std::vector<Ref<Stmt>> body;
    for (const auto& part : x->body) {
      Opt<Stmt> out = statement(part);
      if (!out) return {};
      body.push_back(as_ref<Stmt>(out));
    }
    return seq(std::move(body));
  }
  if (const auto* x = as<Let>(s)) {
    Ref<Expr> value = expression(x->value);
    Ref<Var> fresh = make(Var{.id = x->var->id, .type = value->dtype});
    memo_.insert_or_assign(x->var.node(), Ref<Expr>(fresh));
    Opt<Stmt> body = statement(x->body);
    if (!body) return {};
    return make(Let{.value = value, .var = fresh, .body = as_ref<Stmt>(body)});
  }
  if (const auto* x = as<If>(s)) {
    Ref<Expr> cond = expression(x->cond);
    if (cond->dtype.lanes == 1) {
      Opt<Stmt> then = statement(x->then), otherwise;
      if (x->otherwise) otherwise = statement(as_ref<Stmt>(x->otherwise));
      if (!then || (x->otherwise && !otherwise)) return {};
      return make(If{.cond = cond, .then = as_ref<Stmt>(then), .otherwise = otherwise});
    }
    masks_.push_back(cond);
    Opt<Stmt> then = statement(x->then), otherwise;
    masks_.back() = !cond;
    if (x->otherwise) otherwise = statement(as_ref<Stmt>(x->otherwise));
    masks_.pop_back();
    if (!then || (x->otherwise && !otherwise)) return {};
    return otherwise ? Opt<Stmt>(seq({as_ref<Stmt>(then), as_ref<Stmt>(otherwise)})) : then;
  }
  if (const auto* x = as<For>(s)) {
    Ref<Expr> begin = expression(x->begin), extent = expression(x->extent);
    if (begin->dtype.lanes > 1 || extent->dtype.lanes > 1 || !masks_.empty()) return {};
    Opt<Stmt> body = statement(x->body);
    if (!body) return {};
    return make(For{.begin = begin, .extent = extent, .var = x->var, .body = as_ref<Stmt>(body), .how = x->how});
  }
  return {}; // While, Allocate, RegisterTile, Assert: one lane at a time
}

} // namespace tw::arith

// SPDX-License-Identifier: Apache-2.0
// Loops from lambdas: each map or fold is called once on fresh variables and becomes a loop nest with one Block, whose regions are found
// from the accesses.
#include "ops/op.h"

#include "ir/visit.h"
#include "ops/sizes.h"

namespace tw::ops {

Ref<Expr> Tensor::broadcast(const Indices& i) const {
  TW_CHECK(i.size() >= rank(), "{} indices for rank {}", i.size(), rank());
  Indices own;
  for (size_t d = 0; d < rank(); ++d) own.push_back(is_one(size(d)) ? imm(0) : i[i.size() - rank() + d]);
  return load(buffer_, std::move(own));
}

Ref<Expr> Tensor::where(const Ref<Expr>& condition, const Indices& i) const {
  if (is_int(condition, 1)) return load(buffer_, i);
  return make(Load{.buffer = buffer_, .index = i, .mask = condition});
}

Compute::Compute(const OpCall& call, std::vector<Opt<Buffer>> inputs, std::vector<Ref<Buffer>> outputs, Name prefix)
    : call_(call), inputs_(std::move(inputs)), outputs_(std::move(outputs)), prefix_(prefix.str()) {}

Tensor Compute::input(size_t i) const {
  TW_CHECK(has(i), "operator '{}' reads its absent input {}", call_.op.str(), i);
  return Tensor(as_ref<Buffer>(inputs_[i]));
}

Ref<Expr> Compute::literal(double value) const { return tw::literal(value, has(0) ? inputs_[0]->element : outputs_.at(0)->element); }

Name Compute::unique(const std::string& id) { return prefix_.empty() ? id : prefix_ + "_" + id; }

namespace {
// Where the index depends on data, the whole dimension counts as accessed.
Ref<Region> point(const Ref<Buffer>& buffer, const List<Ref<Expr>>& index) {
  std::vector<Ref<Expr>> begin, extent;
  for (size_t d = 0; d < index.size(); ++d) {
    bool from_data = false;
    visit(index[d], [&](const Load&) { from_data = true; });
    begin.push_back(from_data ? imm(0) : index[d]);
    extent.push_back(from_data ? buffer->shape[d] : imm(1));
  }
  return make(Region{.buffer = buffer, .begin = std::move(begin), .extent = std::move(extent)});
}

std::vector<Ref<Region>> reads_of(const Ref<Expr>& value) {
  std::vector<Ref<Region>> regions;
  visit(value, [&](const Load& x, Walk walk) {
    walk(x.index);
    walk(x.mask);
    Ref<Region> region = point(x.buffer, x.index);
    for (const auto& known : regions)
      if (equal(known, region)) return;
    regions.push_back(region);
  });
  return regions;
}

struct Nest {
  std::vector<Ref<Var>> loops;
  std::vector<Ref<Iter>> iters;
  Indices add(const Shape& extents, IterKind how, char letter) {
    Indices vars;
    for (const auto& extent : extents) {
      Ref<Var> loop = var(fmt::format("{}{}", how == IterKind::spatial ? 'i' : 'k', vars.size()));
      Ref<Var> inner = var(fmt::format("{}{}", letter, vars.size()));
      loops.push_back(loop);
      iters.push_back(make(Iter{.value = loop, .extent = extent, .var = inner, .how = how}));
      vars.push_back(inner);
    }
    return vars;
  }
  Ref<Stmt> around(Ref<Stmt> body) const {
    for (size_t i = loops.size(); i-- > 0;) body = make(For{.begin = imm(0), .extent = iters[i]->extent, .var = loops[i], .body = body});
    return body;
  }
};

Ref<Stmt> map_nest(const Name& id, const Ref<Buffer>& target, const Shape& shape, const Compute::Map& map,
                   std::vector<Ref<Attr>> hints = {}) {
  Nest nest;
  Indices i = nest.add(shape, IterKind::spatial, 'v');
  Ref<Expr> value = map(i);
  TW_CHECK(value->dtype == target->element, "{} holds {}, the map gives {}", target->id.str(), tw::to_string(target->element),
           tw::to_string(value->dtype));
  return nest.around(make(Block{.id = id,
                                .iters = nest.iters,
                                .reads = reads_of(value),
                                .writes = {point(target, i)},
                                .body = store(target, i, value),
                                .hints = std::move(hints)}));
}
} // namespace

void Compute::emit(const Ref<Buffer>& target, const Shape& shape, const Map& map) {
  statements_.push_back(map_nest(target->id, target, shape, map, std::exchange(hints_, {})));
}

void Compute::emit_reduce(const Ref<Buffer>& target, const Shape& shape, Combine combine, const Shape& extents, const Fold& fold) {
  Ref<Expr> start = neutral(combine, target->element);
  bool empty = false;
  Ref<Expr> none = imm(0, boolean);
  for (const auto& extent : extents) {
    empty = empty || is_int(extent, 0);
    if (may_be_empty(extent)) none = none || eq(extent, imm(0));
  }
  if (empty || extents.empty()) {
    emit(target, shape, [&](const Indices& i) { return empty ? start : fold(i, {}); });
    return;
  }
  Nest nest;
  Indices i = nest.add(shape, IterKind::spatial, 'v'), r = nest.add(extents, IterKind::reduce, 'r');
  Ref<Expr> value = fold(i, r);
  TW_CHECK(value->dtype == target->element, "{} holds {}, the fold gives {}", target->id.str(), tw::to_string(target->element),
           tw::to_string(value->dtype));
  if (!is_int(none, 0)) {
    Name id = target->id.str() + "_empty";
    statements_.push_back(make(If{.cond = none, .then = map_nest(id, target, shape, [&](const Indices&) { return start; })}));
  }
  Ref<Stmt> update = store(target, i, combine_values(combine, load(target, i), value));
  statements_.push_back(nest.around(make(Block{.id = target->id,
                                               .iters = nest.iters,
                                               .reads = reads_of(value),
                                               .writes = {point(target, i)},
                                               .body = update,
                                               .init = store(target, i, start),
                                               .hints = std::exchange(hints_, {})})));
}

void Compute::output(size_t k, const Map& map) { emit(outputs_.at(k), outputs_.at(k)->shape, map); }

Tensor Compute::tensor(Name id, const Shape& shape, DType element, const Map& map) {
  Tensor t = scratch(id, shape, element);
  emit(t.buffer(), shape, map);
  return t;
}

Tensor Compute::reduce(Name id, const Shape& shape, DType element, Combine combine, const Shape& extents, const Fold& fold) {
  Tensor t = scratch(id, shape, element);
  emit_reduce(t.buffer(), shape, combine, extents, fold);
  return t;
}

void Compute::reduce_output(size_t k, Combine combine, const Shape& extents, const Fold& fold) {
  emit_reduce(outputs_.at(k), outputs_.at(k)->shape, combine, extents, fold);
}

Tensor Compute::scratch(Name id, const Shape& shape, DType element) {
  intermediates_.push_back(make(Buffer{.id = unique(id.str()), .shape = shape, .element = element}));
  return Tensor(intermediates_.back());
}

void Compute::raw(const Ref<Stmt>& statement) { statements_.push_back(statement); }

Ref<Expr> neutral(Combine combine, DType type) {
  switch (combine) {
  case Combine::add: return zero(type);
  case Combine::mul: return tw::literal(1, type);
  case Combine::min: return type.is_bool() ? imm(1, type) : highest(type);
  case Combine::max: return type.is_bool() ? imm(0, type) : lowest(type);
  case Combine::logical_and: return imm(1, boolean);
  case Combine::logical_or: return imm(0, boolean);
  }
  throw internal_error("unknown combination");
}

Ref<Expr> combine_values(Combine combine, const Ref<Expr>& a, const Ref<Expr>& b) {
  static constexpr BinaryOp ops[] = {BinaryOp::add, BinaryOp::mul,         BinaryOp::min,
                                     BinaryOp::max, BinaryOp::logical_and, BinaryOp::logical_or};
  return make(Binary{.op = ops[static_cast<size_t>(combine)], .a = a, .b = b});
}

} // namespace tw::ops

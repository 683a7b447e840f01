// SPDX-License-Identifier: Apache-2.0
// Small kernels to schedule, and the check that a scheduled kernel still computes what it did: both are interpreted on the same numbers.
#pragma once

#include "interpreter/kernel.h"
#include "ir/visit.h"
#include "schedule/placement.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw::testing {

inline Ref<Buffer> buffer(Name id, const Shape& shape) { return make(Buffer{.id = id, .shape = shape, .element = f32}); }
// A block over the box, with one loop for each iteration; the first `spatial` iterations are spatial, the rest reduce.
using Body = std::function<Ref<Stmt>(std::vector<Ref<Expr>>)>;
struct Nest {
  Ref<Stmt> stmt;
  std::vector<Ref<Var>> loops;
};
inline Nest nest(Name id, const Shape& extents, const Body& body, size_t spatial = 99, const Body& init = nullptr) {
  std::vector<Ref<Iter>> iters;
  std::vector<Ref<Expr>> values;
  Nest out{.stmt = seq({}), .loops = {}};
  for (size_t i = 0; i < extents.size(); ++i) {
    Ref<Var> loop = var(fmt::format("{}_{}", id.str(), "ijklmn"[i])), v = var(fmt::format("v{}", i));
    iters.push_back(make(Iter{.value = loop, .extent = extents[i], .var = v, .how = i < spatial ? IterKind::spatial : IterKind::reduce}));
    values.push_back(v);
    out.loops.push_back(loop);
  }
  out.stmt = make(Block{
      .id = id, .iters = iters, .reads = {}, .writes = {}, .body = body(values), .init = init ? Opt<Stmt>(init(values)) : Opt<Stmt>()});
  for (size_t i = extents.size(); i-- > 0;)
    out.stmt = make(For{.begin = imm(0), .extent = extents[i], .var = out.loops[i], .body = out.stmt});
  return out;
}

inline Ref<Kernel> kernel(const std::vector<Ref<Buffer>>& inputs, const std::vector<Ref<Buffer>>& outputs,
                          const std::vector<Ref<Buffer>>& between, const std::vector<Ref<Stmt>>& parts,
                          const std::vector<Ref<Var>>& dims = {}) {
  std::vector<Ref<Param>> params;
  for (const auto& b : inputs) params.push_back(make(Param{.buffer = b, .access = Access::in}));
  for (const auto& b : outputs) params.push_back(make(Param{.buffer = b, .access = Access::out}));
  Ref<Stmt> body = seq(parts);
  for (size_t i = between.size(); i-- > 0;) body = make(Allocate{.buffer = between[i], .body = body});
  return make(Kernel{.id = "test", .dims = dims, .params = params, .body = body});
}

inline std::vector<std::vector<double>> run(const Kernel& k, const std::vector<int64_t>& dims) {
  interpreter::Sizes sizes;
  for (size_t i = 0; i < k.dims.size(); ++i) sizes.emplace(k.dims[i].node(), dims[i]);
  std::vector<interpreter::Array> inputs;
  double next = 0;
  for (const auto& p : k.params) {
    if (p->access == Access::out) continue;
    std::vector<int64_t> shape;
    int64_t count = 1;
    for (const auto& e : p->buffer->shape) {
      shape.push_back(*interpreter::evaluate_size(e, sizes));
      count *= shape.back();
    }
    std::vector<double> values;
    // Small integers: sums are exact in any order.
    for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<double>(static_cast<int64_t>(next += 7) % 13 - 6));
    inputs.push_back(interpreter::Array::of(p->buffer->element, shape, values));
  }
  std::vector<std::vector<double>> out;
  for (const auto& array : interpreter::interpret_kernel(k, inputs, dims)) out.push_back(array.numbers());
  return out;
}

inline void expect_same(const Ref<Kernel>& before, const schedule::Schedule& after, const std::vector<std::vector<int64_t>>& sizes = {{}}) {
  for (const auto& dims : sizes) EXPECT_EQ(run(*before, dims), run(*after.kernel(), dims)) << to_text(after.kernel());
}

// Every buffer and variable is introduced around its use, and no identity or block twice.
inline std::string misplaced(const Kernel& k) {
  std::vector<const Node*> scope, ever;
  std::string wrong;
  auto introduce = [&](const Node* n, const std::string& name) {
    if (std::find(ever.begin(), ever.end(), n) != ever.end()) wrong += "twice " + name + "; ";
    ever.push_back(n);
    scope.push_back(n);
  };
  auto use = [&](const Node* n, const std::string& name) {
    if (std::find(scope.begin(), scope.end(), n) == scope.end()) wrong += "out of scope " + name + "; ";
  };
  std::vector<Name> blocks;
  std::function<void(const Node*)> walk = [&](const Node* n) {
    size_t mark = scope.size();
    auto children = [&] { for_children(n, [&](const Node* c) { walk(c); }); };
    if (const auto* v = as<Var>(n)) return use(n, v->id.str());
    if (const auto* b = as<Buffer>(n)) return use(n, b->id.str());
    if (const auto* f = as<For>(n)) {
      walk(f->begin.node());
      walk(f->extent.node());
      introduce(f->var.node(), f->var->id.str());
      walk(f->body.node());
    } else if (const auto* a = as<Allocate>(n)) {
      introduce(a->buffer.node(), a->buffer->id.str());
      for (const auto& e : a->buffer->shape) walk(e.node());
      walk(a->body.node());
    } else if (const auto* b = as<Block>(n)) {
      if (std::find(blocks.begin(), blocks.end(), b->id) != blocks.end()) wrong += "block twice " + b->id.str() + "; ";
      blocks.push_back(b->id);
      for (const auto& iter : b->iters) {
        walk(iter->value.node());
        walk(iter->extent.node());
      }
      for (const auto& iter : b->iters) introduce(iter->var.node(), iter->var->id.str());
      if (b->where) walk(b->where.node());
      if (b->init) walk(b->init.node());
      walk(b->body.node());
    } else if (const auto* t = as<RegisterTile>(n)) {
      std::vector<Ref<TileAxis>> axes = t->rows.vector();
      axes.push_back(t->column);
      axes.insert(axes.end(), t->reduce.begin(), t->reduce.end());
      for (const auto& axis : axes) walk(axis->extent.node());
      for (const auto& axis : axes) introduce(axis->var.node(), axis->var->id.str());
      walk(t->init.node());
      walk(t->value.node());
      introduce(t->acc.node(), t->acc->id.str());
      walk(t->body.node());
    } else if (const auto* l = as<Let>(n)) {
      walk(l->value.node());
      introduce(l->var.node(), l->var->id.str());
      walk(l->body.node());
    } else {
      children();
    }
    scope.resize(mark);
  };
  for (const auto& d : k.dims) introduce(d.node(), d->id.str());
  for (const auto& p : k.params) introduce(p->buffer.node(), p->buffer->id.str());
  walk(k.body.node());
  return wrong;
}

template <class F> void expect_refused(F&& step, const std::string& sentence) {
  try {
    step();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user) << error.what();
    EXPECT_THAT(error.message(), ::testing::HasSubstr(sentence));
    return;
  }
  ADD_FAILURE() << "not refused: " << sentence;
}

} // namespace tw::testing

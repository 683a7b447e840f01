// SPDX-License-Identifier: Apache-2.0
// Rules of kernels.
#include "ir/build.h"
#include "ir/intrinsics.h"
#include "ir/verify.h"
#include "ir/visit.h"

#include <algorithm>
#include <set>

namespace tw::verifying {
namespace {

bool is_index(const Ref<Expr>& e) { return e->dtype.is_int() && e->dtype.lanes == 1; }
// Only the last may be a vector.
bool are_indices(const List<Ref<Expr>>& index) {
  for (size_t i = 0; i < index.size(); ++i)
    if (!index[i]->dtype.is_int() || (i + 1 < index.size() && index[i]->dtype.lanes != 1)) return false;
  return true;
}
bool is_condition(const Ref<Expr>& e) { return e->dtype == boolean; }
bool is_mask(const Opt<Expr>& mask, const List<Ref<Expr>>& index) {
  return !mask || (mask->dtype.is_bool() && mask->dtype.lanes == (index.empty() ? 1 : index.back()->dtype.lanes));
}
bool same_index_type(const Ref<Expr>& a, const Ref<Expr>& b, const Var& v) {
  return is_index(a) && a->dtype == b->dtype && a->dtype == v.type;
}
bool is_width(const TileAxis& a) { return as_int(a.extent).value_or(0) > 0; }
const char* const no_vectors = "there are no vectors before the stage 'flat'";

bool block_names_differ(const Kernel& k, const Context&) {
  std::set<Name> seen;
  bool unique = true;
  visit(k.body, [&](const Block& b, Walk walk) {
    unique = unique && !b.id.empty() && seen.insert(b.id).second;
    walk(b.body);
    walk(b.init);
  });
  return unique;
}

bool inputs_are_not_stored(const Kernel& k, const Context&) {
  std::set<const Node*> inputs;
  for (const auto& p : k.params)
    if (p->access == Access::in) inputs.insert(p->buffer.node());
  bool fine = true;
  visit(k.body, [&](const Store& s) { fine = fine && !inputs.count(s.buffer.node()); });
  return fine;
}

std::vector<Rule> expression_rules() {
  return {
      rule<Load>(always, "an index is an integer for each dimension", [](const Load& e, const Context&) { return are_indices(e.index); }),
      rule<Load>(always, "a mask is a bool for each lane", [](const Load& e, const Context&) { return is_mask(e.mask, e.index); }),
      rule<Ramp>(before(Stage::flat), no_vectors, [](const Ramp&, const Context&) { return false; }),
      rule<Broadcast>(before(Stage::flat), no_vectors, [](const Broadcast&, const Context&) { return false; }),
      rule<Shuffle>(before(Stage::flat), no_vectors, [](const Shuffle&, const Context&) { return false; }),
      rule<Shuffle>(always, "a shuffle takes lanes that its vectors have",
                    [](const Shuffle& e, const Context&) {
                      int64_t lanes = 0;
                      for (const auto& v : e.vectors) lanes += v->dtype.lanes;
                      return std::all_of(e.indices.begin(), e.indices.end(), [&](int64_t i) { return i >= 0 && i < lanes; });
                    }),
      rule<Buffer>(always, "a buffer's sizes, and strides if any, are index expressions, one for each dimension",
                   [](const Buffer& b, const Context&) {
                     return std::all_of(b.shape.begin(), b.shape.end(), is_index) &&
                            std::all_of(b.strides.begin(), b.strides.end(), is_index) &&
                            (b.strides.empty() || b.strides.size() == b.shape.size());
                   }),
      rule<Buffer>(always, "a buffer's scope is global, local or scratch",
                   [](const Buffer& b, const Context&) { return b.scope == "global" || b.scope == "local" || b.scope == "scratch"; }),
      rule<Buffer>(bit(Stage::flat), "a buffer has one dimension and no strides",
                   [](const Buffer& b, const Context&) { return b.shape.size() <= 1 && b.strides.empty(); }),
      rule<Region>(always, "a region has an integer begin and extent for each dimension",
                   [](const Region& r, const Context&) {
                     size_t rank = r.buffer->shape.size();
                     return r.begin.size() == rank && r.extent.size() == rank && std::all_of(r.begin.begin(), r.begin.end(), is_index) &&
                            std::all_of(r.extent.begin(), r.extent.end(), is_index);
                   }),
  };
}

std::vector<Rule> statement_rules() {
  return {
      rule<For>(always, "begin, extent and variable of a loop have one integer type",
                [](const For& s, const Context&) { return same_index_type(s.begin, s.extent, *s.var); }),
      rule<Iter>(always, "value, extent and variable of a block's iteration have one integer type",
                 [](const Iter& i, const Context&) { return same_index_type(i.value, i.extent, *i.var); }),
      rule<Block>(always, "the condition 'where' is a bool",
                  [](const Block& b, const Context&) { return !b.where || b.where->dtype == boolean; }),
      rule<Block>(always, "only a block with a reduction has 'init'",
                  [](const Block& b, const Context&) {
                    return !b.init ||
                           std::any_of(b.iters.begin(), b.iters.end(), [](const auto& i) { return i->how != IterKind::spatial; });
                  }),
      rule<Block>(bit(Stage::flat), "blocks are gone", [](const Block&, const Context&) { return false; }),
      rule<Store>(always, "an index is an integer for each dimension",
                  [](const Store& s, const Context&) { return s.index.size() == s.buffer->shape.size() && are_indices(s.index); }),
      rule<Store>(always, "a stored value has the element type of the buffer, a lane for each place",
                  [](const Store& s, const Context&) {
                    return s.value->dtype == s.buffer->element.with_lanes(s.index.empty() ? 1 : s.index.back()->dtype.lanes);
                  }),
      rule<Store>(always, "a mask is a bool for each lane", [](const Store& s, const Context&) { return is_mask(s.mask, s.index); }),
      rule<Let>(always, "a variable has the type of its value", [](const Let& s, const Context&) { return s.var->type == s.value->dtype; }),
      rule<If>(always, "a condition is a bool", [](const If& s, const Context&) { return is_condition(s.cond); }),
      rule<While>(always, "a condition is a bool", [](const While& s, const Context&) { return is_condition(s.cond); }),
      rule<Assert>(always, "a condition is a bool", [](const Assert& s, const Context&) { return is_condition(s.cond); }),
      rule<RegisterTile>(always, "rows and the column of a register tile have literal extents",
                         [](const RegisterTile& t, const Context&) {
                           return is_width(*t.column) &&
                                  std::all_of(t.rows.begin(), t.rows.end(), [](const auto& a) { return is_width(*a); });
                         }),
      rule<RegisterTile>(
          always, "init, value and accumulator of a register tile have one type",
          [](const RegisterTile& t, const Context&) { return t.init->dtype == t.value->dtype && t.acc->type == t.value->dtype; }),
      rule<RegisterTile>(
          always, "the number of columns is an integer",
          [](const RegisterTile& t, const Context&) { return !t.columns || (t.columns->dtype.is_int() && t.columns->dtype.lanes == 1); }),
      rule<RegisterTile>(always, "what a register tile prefetches is a load",
                         [](const RegisterTile& t, const Context&) { return !t.prefetch || as<Load>(t.prefetch); }),
      rule<TileAxis>(always, "extent and variable of an axis have one integer type",
                     [](const TileAxis& a, const Context&) { return is_index(a.extent) && a.extent->dtype == a.var->type; }),
      rule<Kernel>(always, "blocks have names, and names differ", block_names_differ),
      rule<Kernel>(always, "nothing is stored to an input", inputs_are_not_stored),
      rule<Kernel>(always, "a kernel has a name", [](const Kernel& k, const Context&) { return !k.id.empty(); }),
      rule<Kernel>(always, "sizes of a kernel are i64",
                   [](const Kernel& k, const Context&) {
                     return std::all_of(k.dims.begin(), k.dims.end(), [](const auto& d) { return d->type == i64; });
                   }),
  };
}

} // namespace

const std::vector<Rule>& kernel_rules() {
  static const auto* rules = [] {
    auto* out = new std::vector<Rule>(expression_rules());
    std::vector<Rule> statements = statement_rules();
    out->insert(out->end(), statements.begin(), statements.end());
    return out;
  }();
  return *rules;
}

} // namespace tw::verifying

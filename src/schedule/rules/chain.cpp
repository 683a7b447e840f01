// SPDX-License-Identifier: Apache-2.0
// Several reductions one after the other that share spatial axes, each perhaps in another order: attention is two products with a softmax
// between them, for every head and every query. The shared axes become outer loops around everything; the last of them is cut into blocks
// of rows, so that what passes from nest to nest stays in cache and the products still have rows enough for register tiles. Maps before the
// first product (keys put into columns) belong to a head and come before its blocks. Maps behind a product are its epilogue. What works
// on single rows stays a nest for each step: rows that do not wait for each other's steps keep the processor busier than rows at hand.
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/placement.h"
#include "schedule/rules/rules.h"

#include <map>
#include <set>

namespace tw::schedule {
namespace {

constexpr int64_t fewest_rows = 12; // of a block: about those of one register tile
constexpr int64_t fewest_heads = 4; // that are shared between threads

class ChainRule {
public:
  explicit ChainRule(Schedule& s) : s_(s) {}

  bool run() {
    for (const auto& block : s_.blocks()) (names_.empty() && !is_reduction(*block) ? prologue_ : names_).push_back(block->id);
    if (!find_axes() || shared_.empty()) return false;
    double work = 0;
    for (const Name& id : names_) {
      double points = 8;
      for (const auto& f : s_.loops(id)) points *= static_cast<double>(as_int(f->extent).value_or(64));
      work += points;
    }
    bool blocks = knows_rows();
    if (!blocks) shared_.pop_back();
    if (shared_.empty()) return false;
    size_t heads = heads_of_prologue(shared_.size() - (blocks ? 1 : 0));
    for (const Name& id : names_) order_loops(id);
    for (const Name& id : prologue_) order_loops(id);
    if (blocks) cut_rows();
    Loops outer = merge(heads);
    for (const Name& id : prologue_) {
      if (heads && !turn_squares(s_, id, heads, 0)) vectorise_innermost(s_, id, s_.loops(id).back()->var, map_lanes(s_, *s_.block(id)));
      if (!heads) schedule_map(s_, id, true);
    }
    if (blocks) narrow_buffers(outer.back());
    insides(outer.size());
    if (heads) outer.erase(outer.begin() + static_cast<ptrdiff_t>(heads), outer.end());
    share_outer(s_, outer, work);
    return true;
  }

private:
  // Iterations of different blocks are one axis if they index the same dimension of a buffer between them.
  bool find_axes() {
    std::map<std::pair<const Node*, size_t>, int> of_dimension;
    std::vector<int> joined; // by axis: the first one that turns out to be the same
    auto first_of = [&](int axis) {
      while (joined[static_cast<size_t>(axis)] != axis) axis = joined[static_cast<size_t>(axis)];
      return axis;
    };
    for (const auto& block : s_.blocks()) {
      const auto* write = as<Store>(block->body);
      if (!write || block->where) return false;
      auto& axes = axes_[block->id.str()];
      visit(block->body, [&](const Load& load, Walk walk) {
        for (size_t d = 0; d < load.index.size(); ++d) {
          auto known = of_dimension.find({load.buffer.node(), d});
          if (known == of_dimension.end() || !as<Var>(load.index[d])) continue;
          auto [mine, fresh] = axes.emplace(load.index[d].node(), known->second);
          int a = first_of(mine->second), b = first_of(known->second);
          if (!fresh) joined[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
        }
        walk(static_cast<const Node*>(&load));
      });
      for (const auto& iter : block->iters) {
        if (!as<Var>(iter->value)) continue; // of one point
        if (axes.try_emplace(iter->var.node(), static_cast<int>(joined.size())).second) joined.push_back(static_cast<int>(joined.size()));
      }
      for (size_t d = 0; d < write->index.size(); ++d)
        if (auto axis = axes.find(write->index[d].node()); axis != axes.end())
          of_dimension.emplace(std::pair(write->buffer.node(), d), axis->second);
    }
    for (auto& [id, axes] : axes_)
      for (auto& [var, axis] : axes) axis = first_of(axis);
    return find_shared();
  }

  // False if one block has an axis twice.
  bool find_shared() {
    std::map<int, size_t> spatial_in;
    std::vector<int> first_order;
    for (const Name& id : names_) {
      std::set<int> own;
      for (const auto& iter : s_.block(id)->iters) {
        if (!as<Var>(iter->value)) continue;
        int axis = axes_[id.str()].at(iter->var.node());
        if (!own.insert(axis).second) return false;
        if (iter->how != IterKind::spatial) continue;
        ++spatial_in[axis];
        if (id == names_[0]) first_order.push_back(axis);
      }
    }
    for (int axis : first_order)
      if (spatial_in[axis] == names_.size()) shared_.push_back(axis);
    return true;
  }

  // The loop of an axis around a block.
  Opt<Var> loop_of(Name id, int axis) {
    Ref<Block> block = s_.block(id);
    for (const auto& iter : block->iters) {
      auto found = axes_[id.str()].find(iter->var.node());
      if (found != axes_[id.str()].end() && found->second == axis) return Opt<Var>(as_ref<Var>(iter->value));
    }
    return {};
  }

  // How many leading shared axes all maps before the first product have, if there are enough iterations of them for all threads; else 0:
  // the maps are nests of their own, which all rows share.
  size_t heads_of_prologue(size_t most) {
    if (prologue_.empty()) return 0;
    size_t heads = 0;
    int64_t iterations = 1;
    for (; heads < most; ++heads) {
      bool all = true;
      for (const Name& id : prologue_) all = all && loop_of(id, shared_[heads]);
      if (!all) break;
      iterations *= as_int(s_.loop(as_ref<Var>(loop_of(names_[0], shared_[heads])))->extent).value_or(64);
    }
    return iterations < fewest_heads ? 0 : heads;
  }

  void order_loops(Name id) {
    Loops order;
    for (int axis : shared_)
      if (auto loop = loop_of(id, axis)) order.push_back(as_ref<Var>(loop));
    for (const auto& f : s_.loops(id)) {
      bool known = false;
      for (const auto& v : order) known = known || v.same_as(f->var);
      if (!known) order.push_back(f->var);
    }
    reorder(s_, order);
  }

  // Rows of an unknown number are no blocks: each step goes over all of them.
  bool knows_rows() { return as_int(s_.loop(as_ref<Var>(loop_of(names_[0], shared_.back())))->extent).has_value(); }

  // Blocks of the last shared axis, of a size that divides it; without one the whole axis is a block.
  void cut_rows() {
    size_t last = shared_.size() - 1;
    int64_t extent = *as_int(s_.loops(names_[0])[last]->extent);
    int64_t widest = 1;
    for (const Name& id : names_) {
      int64_t elements = 1;
      auto loops = s_.loops(id);
      for (size_t i = last + 1; i < loops.size(); ++i) elements *= as_int(loops[i]->extent).value_or(512);
      if (!is_reduction(*s_.block(id))) widest = std::max(widest, elements);
    }
    int64_t rows = extent, most = std::max(2 * fewest_rows, s_.target().l2_bytes / 8 / (widest * 4));
    if (extent > most) {
      for (rows = most; rows >= fewest_rows && extent % rows; --rows) {}
      if (rows < fewest_rows) rows = extent;
    }
    for (const Name& id : names_) split(s_, s_.loops(id)[last]->var, rows);
  }

  Loops merge(size_t heads) {
    Loops outer;
    for (size_t i = 0; i < shared_.size(); ++i) {
      std::vector<Name> all = names_;
      if (i < heads) all.insert(all.begin(), prologue_.begin(), prologue_.end());
      Ref<Var> first = s_.loops(all[0])[i]->var;
      for (size_t b = 1; b < all.size(); ++b) {
        Ref<Var> other = s_.loops(all[b])[i]->var;
        if (!other.same_as(first)) merge_loops(s_, first, other);
      }
      outer.push_back(first);
    }
    return outer;
  }

  // What passes from nest to nest needs no more room than a block has.
  void narrow_buffers(const Ref<Var>& rows) {
    if (is_int(s_.loop(rows)->extent, 1)) return;
    for (const Name& id : names_)
      if (auto buffer = as<Store>(s_.block(id)->body)->buffer; !s_.is_parameter(*buffer)) narrow(s_, buffer, rows);
  }

  void insides(size_t outer) {
    for (size_t i = 0; i < names_.size();) {
      size_t end = i + 1;
      Ref<Block> block = s_.block(names_[i]);
      if (!is_reduction(*block)) {
        map(names_[i], outer);
      } else if (is_row_reduction(s_, *block)) {
        vectorise_reduction(s_, names_[i], outer + 1);
      } else {
        while (end < names_.size() && !is_reduction(*s_.block(names_[end])) && reads(names_[end], names_[i])) ++end;
        product(std::vector<Name>(names_.begin() + static_cast<ptrdiff_t>(i), names_.begin() + static_cast<ptrdiff_t>(end)), outer);
      }
      i = end;
    }
  }

  bool reads(Name map, Name producer) {
    const Node* written = as<Store>(s_.block(producer)->body)->buffer.node();
    bool found = false;
    visit(s_.block(map)->body, [&](const Load& load, Walk walk) {
      found = found || load.buffer.node() == written;
      walk(static_cast<const Node*>(&load));
    });
    return found;
  }

  void product(const std::vector<Name>& ids, size_t outer) {
    std::vector<Name> epilogue(ids.begin() + 1, ids.end());
    if (schedule_tile(s_, {}, ids[0], epilogue, outer)) return;
    if (!schedule_tile(s_, {}, ids[0], {}, outer)) vectorise_reduction(s_, ids[0], outer + 1);
    for (const Name& id : epilogue) map(id, outer);
  }

  // Along the loop in which the results lie side by side: that of the rows, where a softmax is not over the last axis.
  void map(Name id, size_t outer) {
    auto loops = s_.loops(id);
    for (size_t i = outer; i + 1 < loops.size(); ++i) {
      if (!writes_side_by_side(id, loops[i]->var) || writes_side_by_side(id, loops.back()->var)) continue;
      Loops order;
      for (size_t k = outer; k < loops.size(); ++k)
        if (k != i) order.push_back(loops[k]->var);
      order.push_back(loops[i]->var);
      reorder(s_, order);
      loops = s_.loops(id);
    }
    if (loops.size() > outer) vectorise_innermost(s_, id, loops.back()->var, map_lanes(s_, *s_.block(id)));
  }

  bool writes_side_by_side(Name id, const Ref<Var>& loop) {
    for (const auto& access : strides_of(s_, *s_.block(id), loop))
      if (access.is_store) return access.coefficient && is_int(access.coefficient, 1);
    return false;
  }

  Schedule& s_;
  std::vector<Name> prologue_, names_;                     // maps before the first product; all blocks from there on
  std::map<std::string, std::map<const Node*, int>> axes_; // by block: the axis of each of its iterations
  std::vector<int> shared_;                                // axes that are spatial in every block, in the first block's order
};

} // namespace

bool schedule_chain(Schedule& s) {
  return attempt(s, [](Schedule& copy) { return ChainRule(copy).run(); });
}

} // namespace tw::schedule

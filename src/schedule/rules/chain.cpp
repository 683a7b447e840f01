// SPDX-License-Identifier: Apache-2.0
// Several reductions one after the other that share spatial axes, each perhaps in another order: attention is two products with a softmax
// between them, for every head and every query. The shared axes become outer loops around everything; the last of them is cut into blocks
// of rows, so that what passes from nest to nest stays in cache and the products still have rows enough for register tiles.
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/rules/rules.h"

#include <map>

namespace tw::schedule {
namespace {

constexpr int64_t fewest_rows = 12; // of a block: about those of one register tile

class ChainRule {
public:
  explicit ChainRule(Schedule& s) : s_(s) {}

  bool run() {
    for (const auto& block : s_.blocks()) names_.push_back(block->id);
    if (!find_axes() || shared_.empty()) return false;
    double work = 0;
    for (const Name& id : names_) {
      double points = 8;
      for (const auto& f : s_.loops(id)) points *= static_cast<double>(as_int(f->extent).value_or(64));
      work += points;
    }
    for (const Name& id : names_) order_loops(id);
    cut_rows();
    Loops outer = merge();
    for (const Name& id : names_) inside(id, outer.size());
    share_outer(s_, outer, work);
    return true;
  }

private:
  // Iterations of different blocks are one axis if they index the same dimension of a buffer between them.
  bool find_axes() {
    std::map<std::pair<const Node*, size_t>, int> of_dimension;
    int count = 0;
    std::map<int, size_t> spatial_in;
    std::vector<int> first_order;
    for (const Name& id : names_) {
      Ref<Block> block = s_.block(id);
      const auto* write = as<Store>(block->body);
      if (!write || block->where) return false;
      auto& axes = axes_[id.str()];
      auto note = [&](const Buffer& buffer, const List<Ref<Expr>>& index) {
        for (size_t d = 0; d < index.size(); ++d) {
          auto known = of_dimension.find({&buffer, d});
          if (known != of_dimension.end()) axes.emplace(index[d].node(), known->second);
        }
      };
      visit(block->body, [&](const Load& load, Walk walk) {
        note(*load.buffer, load.index);
        walk(static_cast<const Node*>(&load));
      });
      for (const auto& iter : block->iters) {
        if (!as<Var>(iter->value)) continue; // of one point
        auto [axis, fresh] = axes.try_emplace(iter->var.node(), count);
        if (fresh) ++count;
        if (iter->how == IterKind::spatial) ++spatial_in[axis->second];
        if (id == names_[0] && iter->how == IterKind::spatial) first_order.push_back(axis->second);
      }
      for (size_t d = 0; d < write->index.size(); ++d)
        if (auto axis = axes.find(write->index[d].node()); axis != axes.end())
          of_dimension.emplace(std::pair(write->buffer.node(), d), axis->second);
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

  void order_loops(Name id) {
    Loops order;
    for (int axis : shared_) order.push_back(as_ref<Var>(loop_of(id, axis)));
    for (const auto& f : s_.loops(id)) {
      bool known = false;
      for (const auto& v : order) known = known || v.same_as(f->var);
      if (!known) order.push_back(f->var);
    }
    reorder(s_, order);
  }

  // Blocks of the last shared axis, of a size that divides it; without one the whole axis is a block.
  void cut_rows() {
    size_t last = shared_.size() - 1;
    auto extent = as_int(s_.loops(names_[0])[last]->extent);
    int64_t widest = 1;
    for (const Name& id : names_) {
      int64_t elements = 1;
      auto loops = s_.loops(id);
      for (size_t i = last + 1; i < loops.size(); ++i) elements *= as_int(loops[i]->extent).value_or(512);
      if (!is_reduction(*s_.block(id))) widest = std::max(widest, elements);
    }
    int64_t rows = extent.value_or(1), most = std::max(2 * fewest_rows, s_.target().l2_bytes / 8 / (widest * 4));
    if (extent && *extent > most) {
      for (rows = most; rows >= fewest_rows && *extent % rows; --rows) {}
      if (rows < fewest_rows) rows = *extent;
    }
    for (const Name& id : names_) split(s_, s_.loops(id)[last]->var, rows);
  }

  Loops merge() {
    Loops outer;
    for (size_t i = 0; i < shared_.size(); ++i) {
      Ref<Var> first = s_.loops(names_[0])[i]->var;
      for (size_t b = 1; b < names_.size(); ++b) {
        Ref<Var> other = s_.loops(names_[b])[i]->var;
        if (!other.same_as(first)) merge_loops(s_, first, other);
      }
      outer.push_back(first);
    }
    return outer;
  }

  void inside(Name id, size_t outer) {
    Ref<Block> block = s_.block(id);
    auto loops = s_.loops(id);
    if (!is_reduction(*block)) {
      if (loops.size() > outer) vectorise_innermost(s_, id, loops.back()->var, map_lanes(s_, *block));
    } else if (!schedule_tile(s_, {}, id, {}, outer)) {
      vectorise_reduction(s_, id, outer + 1);
    }
  }

  Schedule& s_;
  std::vector<Name> names_;
  std::map<std::string, std::map<const Node*, int>> axes_; // by block: the axis of each of its iterations
  std::vector<int> shared_;                                // axes that are spatial in every block, in the first block's order
};

} // namespace

bool schedule_chain(Schedule& s) {
  Schedule attempt = s;
  try {
    if (!ChainRule(attempt).run()) return false;
  } catch (const Error& refused) {
    if (refused.kind() != ErrorKind::user) throw; // a primitive refuses: the rule does not fit
    return false;
  }
  s.adopt(std::move(attempt));
  return true;
}

} // namespace tw::schedule

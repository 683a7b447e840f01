// SPDX-License-Identifier: Apache-2.0
#include "passes/overwriting.h"

#include "arith/analyzer.h"
#include "ir/build.h"
#include "ir/derived.h"
#include "ir/visit.h"

#include <algorithm>

namespace tw::passes {
namespace {

// Follows the stores of one output.
class Reads {
public:
  Reads(const Buffer& input, const Buffer& output) : input_(input), output_(output) {}

  bool only_where_stored(const Ref<Stmt>& body) {
    visit(
        body, [&](const For& loop, Walk walk) { inside(loop.var, loop.extent, [&] { walk(static_cast<const Node*>(&loop)); }); },
        [&](const While& loop, Walk walk) {
          ++repeated_; // how often is not known
          walk(static_cast<const Node*>(&loop));
          --repeated_;
        },
        [&](const RegisterTile& tile, Walk walk) {
          const size_t outside = loops_.size();
          auto add = [&](const Ref<TileAxis>& axis) { add_loop(axis->var, axis->extent); };
          for (const auto& axis : tile.rows) add(axis);
          add(tile.column);
          walk(static_cast<const Node*>(&tile));
          loops_.resize(outside);
        },
        [&](const Store& store, Walk walk) {
          const Store* outside = std::exchange(store_, store.buffer.node() == &output_ ? &store : nullptr);
          const bool read = std::exchange(read_, false);
          walk(static_cast<const Node*>(&store));
          if (store_) fine_ = fine_ && read_ && once(store);
          store_ = outside;
          read_ = read;
        },
        [&](const Load& load, Walk walk) {
          if (load.buffer.node() == &output_) fine_ = false;
          if (load.buffer.node() == &input_) {
            read_ = store_ && same_place(load);
            fine_ = fine_ && read_;
          }
          walk(static_cast<const Node*>(&load));
        });
    return fine_;
  }

private:
  void add_loop(const Ref<Var>& var, const Ref<Expr>& extent) {
    if (!is_int(extent, 1)) loops_.push_back(var.node());
  }
  void inside(const Ref<Var>& var, const Ref<Expr>& extent, FunctionRef<void()> body) {
    const size_t outside = loops_.size();
    add_loop(var, extent);
    body();
    loops_.resize(outside);
  }
  bool same_place(const Load& load) const {
    return load.index.size() == store_->index.size() &&
           std::equal(load.index.begin(), load.index.end(), store_->index.begin(),
                      [](const Ref<Expr>& a, const Ref<Expr>& b) { return equal(a.node(), b.node()); });
  }
  // No loop stores the same element again, which by then would be gone.
  bool once(const Store& store) const {
    return repeated_ == 0 && std::all_of(loops_.begin(), loops_.end(), [&](const Node* loop) {
             return std::any_of(store.index.begin(), store.index.end(), [&](const Ref<Expr>& index) { return uses(index.node(), loop); });
           });
  }

  const Buffer &input_, &output_;
  std::vector<const Node*> loops_;
  const Store* store_ = nullptr;
  int repeated_ = 0;
  bool read_ = false, fine_ = true;
};

} // namespace

std::vector<Overwriting> possible_overwriting(const Kernel& kernel) {
  std::vector<Overwriting> out;
  auto position = [&](const auto& p) { return static_cast<size_t>(&p - kernel.params.begin()); };
  for (const auto& result : kernel.params) {
    if (result->access != Access::out) continue;
    for (const auto& operand : kernel.params) {
      const Buffer &x = *operand->buffer, &y = *result->buffer;
      if (operand->access != Access::in || x.element != y.element || !x.strides.empty() || !y.strides.empty()) continue;
      if (!Reads(x, y).only_where_stored(kernel.body)) continue; // sizes after it: unknown ones are slow to compare
      if (arith::prove_equal(element_count(x.shape), element_count(y.shape))) out.push_back({position(operand), position(result)});
    }
  }
  return out;
}

} // namespace tw::passes

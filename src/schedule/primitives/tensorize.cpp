// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

#include "ir/visit.h"

namespace tw::schedule {
namespace {

std::optional<Combine> combination(BinaryOp op) {
  switch (op) {
  case BinaryOp::add: return Combine::add;
  case BinaryOp::mul: return Combine::mul;
  case BinaryOp::min: return Combine::min;
  case BinaryOp::max: return Combine::max;
  case BinaryOp::logical_and: return Combine::logical_and;
  case BinaryOp::logical_or: return Combine::logical_or;
  default: return {};
  }
}

class Tensorizer {
public:
  Tensorizer(Schedule& s, Name id) : s_(s), block_(s.block(id)), place_(id) {}

  void run(const Ref<Var>& outermost, const Ref<Var>& column) {
    match_reduction();
    if (!runs_whole_reduction(*block_, s_.loops(block_->id))) throw refuse("it runs over the whole reduction, not a part of it");
    std::vector<Ref<TileAxis>> rows, reduce;
    Ref<For> top = s_.loop(outermost);
    Ref<Stmt> at = top;
    // Rows: a perfect nest down to the column loop.
    for (;;) {
      const auto* f = as<For>(at);
      if (!f) throw refuse("the loops from the outermost row down to the column are a perfect nest");
      if (!as_int(f->extent)) throw refuse(fmt::format("loop '{}' has a constant extent", f->var->id.str()));
      if (!is_int(f->begin, 0)) throw refuse(fmt::format("loop '{}' begins at 0", f->var->id.str()));
      check_spatial(f->var);
      at = f->body;
      if (f->var.same_as(column)) break;
      rows.push_back(make(TileAxis{.extent = f->extent, .var = f->var}));
    }
    Ref<TileAxis> width = make(TileAxis{.extent = s_.loop(column)->extent, .var = column});
    // Inside: the reduction's nest, then maps.
    std::vector<Ref<Stmt>> parts = as<Seq>(at) ? as<Seq>(at)->body.vector() : std::vector<Ref<Stmt>>{at};
    Ref<Stmt> nest = parts[0];
    while (const auto* f = as<For>(nest)) {
      if (!is_int(f->begin, 0)) throw refuse(fmt::format("loop '{}' begins at 0", f->var->id.str()));
      reduce.push_back(make(TileAxis{.extent = f->extent, .var = f->var}));
      nest = f->body;
    }
    if (!nest.same_as(block_)) throw refuse("the reduction comes first inside the column loop, a perfect nest of its own");
    Substitution values = iteration_values(*block_);
    for (const auto& e : target_index_) place_index_.push_back(substitute(e, values));
    Ref<Var> acc = var("acc", value_->dtype);
    std::vector<Ref<Stmt>> epilogue;
    for (size_t i = 1; i < parts.size(); ++i) epilogue.push_back(epilogue_of(parts[i], acc));
    if (epilogue.empty() || s_.is_parameter(*target_) || read_elsewhere(top))
      epilogue.insert(epilogue.begin(), store(target_, place_index_, acc));
    Ref<Stmt> tile = make(RegisterTile{.rows = std::move(rows),
                                       .column = width,
                                       .reduce = std::move(reduce),
                                       .init = substitute(init_, values),
                                       .value = substitute(value_, values),
                                       .acc = acc,
                                       .body = seq(std::move(epilogue)),
                                       .combine = combine_});
    s_.replace(top.node(), tile);
    drop_unused_target();
  }

private:
  ScheduleError refuse(const std::string& sentence) const { return schedule_error("tensorize", place_, sentence); }

  void check_spatial(const Ref<Var>& loop) {
    for (const auto& iter : block_->iters)
      if (iter->how != IterKind::spatial && uses(iter->value.node(), loop.node()))
        throw refuse(fmt::format("loop '{}' carries no reduction", loop->id.str()));
  }

  // T[…] = combine(T[…], value), with init T[…] = neutral.
  void match_reduction() {
    const auto* update = as<Store>(block_->body);
    const auto* start = block_->init ? as<Store>(block_->init) : nullptr;
    const auto* form = update ? as<Binary>(update->value) : nullptr;
    auto combine = form ? combination(form->op) : std::nullopt;
    const auto* old = form ? as<Load>(form->a) : nullptr;
    if (!combine || !start || !old || !old->buffer.same_as(update->buffer) || block_->where)
      throw refuse("the block is a reduction: T[…] = T[…] combined with a value, and an init");
    target_ = update->buffer;
    target_index_ = update->index;
    combine_ = *combine;
    value_ = form->b;
    init_ = start->value;
  }

  Ref<Stmt> epilogue_of(const Ref<Stmt>& part, const Ref<Var>& acc) {
    const auto* map = as<Block>(part);
    if (!map || map->init || map->where) throw refuse("what follows the reduction inside the column loop are maps");
    Ref<Stmt> body = substitute(map->body, iteration_values(*map));
    arith::Analyzer analyzer; // knows the loops: an index over a loop of one iteration is 0
    for (const auto& f : s_.loops(block_->id)) analyzer.bind(f->var, f->begin, f->extent);
    return rewrite(body, [&](const Load& load) -> Opt<Expr> {
      if (!load.buffer.same_as(target_)) return {};
      for (size_t d = 0; d < load.index.size(); ++d)
        if (!analyzer.prove_equal(load.index[d], place_index_[d])) throw refuse("the epilogue reads the result at its own point");
      return acc;
    });
  }

  bool read_elsewhere(const Ref<For>& top) {
    int all = 0, here = 0;
    auto count = [&](const Node* n, int& sum) { visit(n, [&](const Load& l) { sum += l.buffer.same_as(target_); }); };
    count(s_.kernel()->body.node(), all);
    count(top.node(), here);
    return all > here;
  }

  void drop_unused_target() {
    const Ref<Stmt>& body = s_.kernel()->body;
    const Node* target = target_.node();
    if (s_.is_parameter(*target_) || stores_to(body.node(), target) || loads_from(body.node(), target)) return;
    s_.set_body(without_allocation(body, target));
  }

  Schedule& s_;
  Ref<Block> block_;
  Name place_;
  Ref<Buffer> target_ = make(Buffer{.id = "none", .shape = {}, .element = f32});
  List<Ref<Expr>> target_index_;
  std::vector<Ref<Expr>> place_index_;
  Combine combine_ = Combine::add;
  Ref<Expr> value_ = imm(0), init_ = imm(0);
};

void run(Schedule& s, Name reduction, const Ref<Var>& outermost, const Ref<Var>& column) {
  Tensorizer(s, reduction).run(outermost, column);
}

} // namespace

extern const Primitive tensorize_primitive = define<run>({
    .name = "tensorize",
    .doc =
        "a reduction under constant loops becomes a register tile: loops from the outermost down to the column are rows, the column is "
        "vectorised, loops inside it are the reduction; maps that follow inside the column loop read the accumulator and are its epilogue",
    .parameters = {"block", "outermost", "column"},
    .takes = "A: In[(6, 64), f32], B: In[(64, 16), f32], C: Out[(6, 16), f32]",
    .before = R"(
T = allocate((6, 16), f32)
for i in range(6):
    for j in range(16):
        for k in range(64):
            with block("mm"):
                x, y, r = spatial(6, i), spatial(16, j), reduce(64, k)
                with init():
                    T[x, y] = 0.0
                T[x, y] = T[x, y] + A[x, r] * B[r, y]
        with block("relu"):
            x, y = spatial(6, i), spatial(16, j)
            C[x, y] = max(T[x, y], 0.0))",
    .call = R"(s.tensorize("mm", "i", "j"))",
    .after = R"(
with register_tile():
    i, j, k = row(6), column(16), reduce(64)
    acc = fold("add", 0.0, A[i, k] * B[k, j])
    C[i, j] = max(acc, 0.0))",
    .refused = {{R"(s.tensorize("relu", "i", "j"))", "the block is a reduction: T[…] = T[…] combined with a value, and an init"},
                {R"(s.tensorize("mm", "i", "k"))", "the loops from the outermost row down to the column are a perfect nest"}},
});

void tensorize(Schedule& s, Name reduction, const Ref<Var>& outermost, const Ref<Var>& column) {
  return recorded(run, tensorize_primitive, s, reduction, outermost, column);
}

} // namespace tw::schedule

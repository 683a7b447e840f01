// SPDX-License-Identifier: Apache-2.0
#include "arith/iter_map.h"
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

#include <algorithm>

namespace tw::schedule {
namespace {

class Mover {
public:
  Mover(Schedule& s, Name id, const Ref<Var>& at)
      : s_(s), id_(id), consumer_(nest_of(s, id)), loop_(s.loop(at)), around_(loops_around(s, loop_.node())) {}

  void run() {
    const Ref<Block>& block = consumer_.block;
    for (const auto& iter : block->iters)
      if (iter->how != IterKind::spatial) throw refuse("all its iterations are spatial");
    auto span = from_to(s_, loop_.node(), consumer_.top.node());
    if (!runs_once(s_, block)) throw refuse("it runs over each of its points once");
    if (is_conditional(s_, loop_.node())) throw refuse(fmt::format("loop '{}' is under no condition", loop_->var->id.str()));
    if (span.empty() || !span.back().same_as(consumer_.top))
      throw refuse(fmt::format("it stands after loop '{}' in one sequence", loop_->var->id.str()));
    check_span(span);
    bind_loops(analyzer_, around_);
    auto written = arith::touched_by(loop_->body, analyzer_).writes;
    Placed moved = nest_over(consumer_, box_of(written), analyzer_, "reverse_compute_at");
    check_reads(moved, written);
    check_once(moved);
    s_.replace(consumer_.top.node(), {});
    Ref<For> loop = s_.loop(loop_->var);
    s_.replace(loop.node(), with(loop, &For::body, seq({loop->body, moved.nest})));
    s_.set_body(forget_regions(s_.kernel()->body));
  }

private:
  ScheduleError refuse(const std::string& sentence) const { return schedule_error("reverse_compute_at", id_, sentence); }

  // The block passes over everything between the loop and itself.
  void check_span(const std::vector<Ref<Stmt>>& span) {
    auto stored = stored_buffers(consumer_.block.node()), loaded = loaded_buffers(consumer_.block.node());
    for (size_t k = 0; k + 1 < span.size(); ++k) {
      for (const auto& b : stored)
        if (stores_to(span[k].node(), b.node()) || loads_from(span[k].node(), b.node()))
          throw refuse(fmt::format("what it writes, '{}', is not touched between the loop and it", b->id.str()));
      for (const auto& b : loaded)
        if (k > 0 && stores_to(span[k].node(), b.node()))
          throw refuse(fmt::format("what it reads, '{}', is not written between the loop and it", b->id.str()));
    }
    // Inside the loop's own nest, writes must be inside the loop and finished after one iteration.
    for (const auto& b : loaded)
      for (const auto& writer : writers_of(span[0], b.node())) {
        auto path = s_.path(writer.node());
        if (std::find(path.begin(), path.end(), loop_.node()) == path.end())
          throw refuse(fmt::format("'{}' is written inside the loop only", b->id.str()));
        for (const auto& iter : writer->iters)
          for (const auto& f : around_)
            if (iter->how != IterKind::spatial && uses(iter->value.node(), f->var.node()))
              throw refuse(fmt::format("block '{}' has finished its reduction after one iteration of the loop; loop '{}' carries it",
                                       writer->id.str(), f->var->id.str()));
      }
  }

  // An iteration that indexes a dimension of what the loop has written runs over that dimension's written range.
  Box box_of(const std::vector<Ref<Region>>& written) {
    const Ref<Block>& block = consumer_.block;
    Box box{.begin = std::vector<Opt<Expr>>(block->iters.size()), .extent = std::vector<Opt<Expr>>(block->iters.size())};
    visit(block->body, [&](const Load& load) {
      auto region = arith::find_region(written, load.buffer);
      if (!region) return;
      for (size_t d = 0; d < load.index.size(); ++d)
        for (size_t i = 0; i < block->iters.size(); ++i)
          if (!box.begin[i] && load.index[d].same_as(block->iters[i]->var)) {
            box.begin[i] = region->begin[d];
            box.extent[i] = region->extent[d];
          }
    });
    return box;
  }

  void check_reads(const Placed& moved, const std::vector<Ref<Region>>& written) {
    auto condition = moved.block->where ? std::optional(analyzer_.assume(as_ref<Expr>(moved.block->where))) : std::nullopt;
    for (const auto& read : arith::touched_by(moved.nest, analyzer_).reads)
      if (auto region = arith::find_region(written, read->buffer); region && !arith::covers(as_ref<Region>(region), read, analyzer_))
        throw refuse(fmt::format("one iteration of the loop has written all that it reads of '{}'", read->buffer->id.str()));
  }

  void check_once(const Placed& moved) {
    std::vector<arith::Axis> axes;
    std::vector<Ref<For>> loops = around_;
    loops.insert(loops.end(), moved.loops.begin(), moved.loops.end());
    for (const auto& f : loops) {
      if (!is_int(f->begin, 0)) throw refuse(fmt::format("loop '{}' begins at 0", f->var->id.str()));
      axes.push_back({f->var, f->extent});
    }
    std::vector<Ref<Expr>> values, extents;
    for (const auto& iter : moved.block->iters) {
      values.push_back(iter->value);
      extents.push_back(iter->extent);
    }
    arith::Analyzer fresh;
    if (!arith::is_bijection(axes, values, extents, moved.block->where, fresh))
      throw refuse("the iterations of the loop together produce each of its points exactly once");
  }

  Schedule& s_;
  Name id_;
  Nest consumer_;
  Ref<For> loop_;
  std::vector<Ref<For>> around_;
  arith::Analyzer analyzer_;
};

void run(Schedule& s, Name id, const Ref<Var>& at) { Mover(s, id, at).run(); }

} // namespace

extern const Primitive reverse_compute_at_primitive = define<run>({
    .name = "reverse_compute_at",
    .doc = "the consumer moves into the loop of its producer and runs on what one iteration has produced",
    .parameters = {"block", "loop"},
    .takes = "A: In[(64,), f32], C: Out[(64,), f32]",
    .before = R"(
T = allocate((64,), f32)
for i in range(4):
    for j in range(16):
        with block("t"):
            v = spatial(64, i * 16 + j)
            T[v] = A[v] * 2.0
for x in range(64):
    with block("c"):
        v = spatial(64, x)
        C[v] = T[v] + 1.0)",
    .call = R"(s.reverse_compute_at("c", "i"))",
    .after = R"(
T = allocate((64,), f32)
for i in range(4):
    for j in range(16):
        with block("t"):
            v = spatial(64, i * 16 + j)
            T[v] = A[v] * 2.0
    for v in range(16):
        with block("c"):
            v_1 = spatial(64, i * 16 + v)
            C[v_1] = T[v_1] + 1.0)",
    .refused = {{R"(s.reverse_compute_at("t", "x"))", "it stands after loop 'x' in one sequence"}},
});

void reverse_compute_at(Schedule& s, Name id, const Ref<Var>& at) { return recorded(run, reverse_compute_at_primitive, s, id, at); }

} // namespace tw::schedule

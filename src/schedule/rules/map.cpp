// SPDX-License-Identifier: Apache-2.0
// Elementwise and data movement: collapse what is contiguous in every access, vectorise the innermost loop, share the outermost.
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/rules/rules.h"

namespace tw::schedule {
namespace {

Ref<Expr> offset_of(const Buffer& buffer, const List<Ref<Expr>>& index) {
  Ref<Expr> sum = imm(0), stride = imm(1);
  for (size_t d = index.size(); d-- > 0;) {
    sum = sum + index[d] * (buffer.strides.empty() ? stride : buffer.strides[d]);
    stride = stride * buffer.shape[d];
  }
  return sum;
}

void each_access(const Block& block, const std::function<void(const Buffer&, const List<Ref<Expr>>&, bool)>& f) {
  auto look = [&](const Node* n) {
    visit(
        n,
        [&](const Load& l, Walk walk) {
          f(*l.buffer, l.index, false);
          walk(static_cast<const Node*>(&l));
        },
        [&](const Store& st, Walk walk) {
          f(*st.buffer, st.index, true);
          walk(static_cast<const Node*>(&st));
        });
  };
  look(block.body.node());
}

// Estimated scalar operations of one point.
double point_work(const Block& block) {
  double work = 1;
  visit(
      block.body, [&](const Binary& b) { work += b.dtype.is_float(); }, [&](const Call&) { work += 8; }, [&](const Load&) { work += 1; });
  return work;
}

double static_points(Schedule& s, Name block) {
  double points = 1;
  for (const auto& f : s.loops(block)) points *= static_cast<double>(as_int(f->extent).value_or(64));
  return points;
}

} // namespace

std::vector<AccessStride> strides_of(Schedule& s, const Block& block, const Ref<Var>& loop) {
  Substitution values = iteration_values(block);
  arith::Analyzer analyzer;
  for (const auto& f : s.loops(block.id)) analyzer.bind(f->var, f->begin, f->extent);
  std::vector<AccessStride> out;
  each_access(block, [&](const Buffer& buffer, const List<Ref<Expr>>& index, bool is_store) {
    Ref<Expr> offset = substitute(offset_of(buffer, index), values);
    Opt<Expr> coefficient;
    if (!uses(offset.node(), loop.node())) coefficient = imm(0);
    else if (auto form = arith::affine(offset, {loop}, analyzer)) coefficient = form->coefficients[0];
    out.push_back({&buffer, coefficient, is_store});
  });
  return out;
}

bool collapsible(Schedule& s, const Block& block, const Ref<For>& outer, const Ref<For>& inner) {
  auto o = strides_of(s, block, outer->var), i = strides_of(s, block, inner->var);
  for (size_t k = 0; k < o.size(); ++k) {
    if (!o[k].coefficient || !i[k].coefficient) return false;
    if (!arith::prove_equal(as_ref<Expr>(o[k].coefficient), as_ref<Expr>(i[k].coefficient) * inner->extent)) return false;
  }
  return true;
}

int64_t map_lanes(Schedule& s, const Block& block) {
  int widest = 1;
  each_access(block, [&](const Buffer& buffer, const List<Ref<Expr>>&, bool) { widest = std::max(widest, buffer.element.bytes()); });
  return 2 * s.target().lanes(widest); // two registers of each: independent work for the pipeline
}

void vectorise_innermost(Schedule& s, Name block, const Ref<Var>& loop, int64_t lanes) {
  Ref<For> f = s.loop(loop);
  auto extent = as_int(f->extent);
  if (extent && *extent == 1) return;
  while (extent && lanes > *extent) lanes /= 2;
  if (lanes < 2) return;
  (void)block;
  Ref<Var> rest = loop;
  bool exact = arith::Analyzer().prove_multiple(f->extent, lanes);
  if (!exact) rest = partition(s, loop, floordiv(f->extent, lanes) * lanes)[1];
  Loops parts = split(s, loop, lanes);
  vectorise(s, parts[1]);
  if (exact) return;
  // The rest of a constant extent runs in smaller vectors; of an unknown one in those that divide it, or one by one.
  for (lanes /= 2; lanes >= 2; lanes /= 2)
    if (extent || arith::Analyzer().prove_multiple(s.loop(rest)->extent, lanes)) return vectorise_innermost(s, block, rest, lanes);
}

namespace {
constexpr int64_t enough_iterations = 16, usual_size = 64; // of what threads divide; of a loop of unknown length, as far as work goes
constexpr double worth_a_division = 4000;                  // scalar operations beside which dividing an index costs nothing
} // namespace

void share_outer(Schedule& s, const Loops& outer, double work) {
  if (work < worth_a_thread || outer.empty()) return;
  Ref<Var> shared = outer[0];
  auto extent = [&](const Ref<Var>& loop) { return as_int(s.loop(loop)->extent); };
  // The first loop of unknown length may well be one image; of another one it is a guess that it is long enough.
  int64_t expected = extent(shared).value_or(1);
  double each = work / static_cast<double>(extent(shared).value_or(usual_size));
  // Few iterations divide badly, and an unknown number may be few: take the next loop in. By one of unknown length the index is divided
  // each time, which must not cost more than what is done with it.
  for (size_t i = 1; i < outer.size(); ++i) {
    if (arith::Analyzer().bounds(s.loop(shared)->extent).min >= enough_iterations) break;
    auto next = extent(outer[i]);
    each /= static_cast<double>(next.value_or(usual_size));
    if (!next && expected >= enough_iterations && each < worth_a_division) break;
    expected *= next.value_or(enough_iterations);
    shared = fuse(s, shared, outer[i]);
  }
  parallel(s, shared);
}

namespace {

// The loops around the block alone, serial ones, outermost first.
std::vector<Ref<For>> own_loops(Schedule& s, Name id) {
  auto loops = nest_of(s, id).loops;
  size_t first = loops.size();
  while (first > 0 && loops[first - 1]->how == ForKind::serial) --first;
  loops.erase(loops.begin(), loops.begin() + static_cast<int64_t>(first));
  return loops;
}

// `alone`: no other nest stands inside the outermost loop, so that threads may share it.
void schedule_nest(Schedule& s, Name id, double work, bool alone) {
  auto loops = own_loops(s, id);
  if (loops.empty()) return;
  // From the inside out.
  for (size_t i = loops.size(); i-- > 1;) {
    if (!collapsible(s, *s.block(id), s.loop(loops[i - 1]->var), s.loop(loops[i]->var))) continue;
    Ref<Var> fused = fuse(s, loops[i - 1]->var, loops[i]->var);
    loops[i - 1] = s.loop(fused);
    loops.erase(loops.begin() + static_cast<int64_t>(i));
  }
  Ref<Var> innermost = loops.back()->var;
  Loops outer;
  for (size_t i = 0; i + 1 < loops.size(); ++i) outer.push_back(loops[i]->var);
  if (outer.empty() && alone) {
    // One collapsed loop: its vectors are what threads share.
    int64_t lanes = map_lanes(s, *s.block(id));
    auto extent = as_int(s.loop(innermost)->extent);
    if (!extent || *extent >= 64 * lanes) {
      Ref<For> f = s.loop(innermost);
      if (!arith::Analyzer().prove_multiple(f->extent, lanes)) {
        Ref<Var> rest = partition(s, innermost, floordiv(f->extent, lanes) * lanes)[1];
        if (extent) vectorise_innermost(s, id, rest, lanes / 2);
      }
      Loops parts = split(s, innermost, lanes);
      vectorise(s, parts[1]);
      if (work >= worth_a_thread) parallel(s, parts[0]);
      return;
    }
  }
  vectorise_innermost(s, id, innermost, map_lanes(s, *s.block(id)));
  if (alone) share_outer(s, outer, work);
}

} // namespace

double map_work(Schedule& s, Name id) { return point_work(*s.block(id)) * static_points(s, id); }

void schedule_map(Schedule& s, Name id, bool outermost, double work) {
  work = std::max(work, map_work(s, id));
  if (outermost && turn_pieces(s, id, work)) return;
  auto pieces = settle_conditions(s, id);
  size_t around = s.loops(pieces[0]).size() - nest_of(s, pieces[0]).loops.size();
  bool shared = pieces.size() > 1 && around > 0; // pieces stand side by side inside loops
  Loops outer;
  for (size_t i = 0; shared && i < around; ++i) outer.push_back(s.loops(pieces[0])[i]->var);
  bool alone = outermost && !shared;
  for (const Name& piece : pieces)
    if (!alone || !turn_squares(s, piece, 0, work)) schedule_nest(s, piece, work, alone);
  if (outermost && shared) share_outer(s, outer, work);
}

} // namespace tw::schedule

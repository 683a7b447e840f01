// SPDX-License-Identifier: Apache-2.0
// Which rule a kernel gets, by the form of its blocks.
#include "ir/visit.h"
#include "schedule/rules/rules.h"

namespace tw::schedule {

bool is_reduction(const Block& block) { return static_cast<bool>(block.init); }

namespace {

bool is_cheap(const Block& block) {
  int work = 0;
  visit(
      block.body, [&](const Binary& b) { work += b.op == BinaryOp::div ? 4 : 1; }, [&](const Call&) { work += 8; });
  return work <= 4;
}

// Are there statements outside of blocks (written by an operator as plain loops)?
bool has_raw_statements(const Ref<Stmt>& body) {
  bool raw = false;
  visit(
      body, [&](const Block&, Walk) {}, [&](const Store&) { raw = true; }, [&](const While&) { raw = true; });
  return raw;
}

// Every nest by itself: maps vectorised and shared, reductions as tiles where they fit.
void schedule_each(Schedule& s, const RemarkSink& remark) {
  std::vector<Name> names;
  double work = 0; // of maps together: threads that share one may as well share all
  for (const auto& b : s.blocks()) {
    names.push_back(b->id);
    if (!is_reduction(*b)) work += map_work(s, b->id);
  }
  for (const Name& id : names) {
    Ref<Block> block = s.block(id);
    if (!is_reduction(*block)) {
      schedule_map(s, id, true, work);
    } else if (!schedule_tile(s, {}, id, {})) {
      remark(s.kernel()->id.str(), fmt::format("reduction '{}' has no contiguous axis: it runs one element at a time", id.str()));
      auto loops = s.loops(id);
      Loops outer;
      double work = 4;
      for (const auto& f : loops) {
        work *= static_cast<double>(as_int(f->extent).value_or(64));
        bool reduces = false;
        for (const auto& iter : block->iters)
          reduces = reduces || (iter->how != IterKind::spatial && uses(iter->value.node(), f->var.node()));
        if (!reduces && outer.size() == static_cast<size_t>(&f - loops.data())) outer.push_back(f->var);
      }
      share_outer(s, outer, work);
    }
  }
}

// Borders: a read that is 0 outside of its buffer. Inside a reduction it would be tested at every point; a copy is tested once an element.
bool reads_with_mask(const Block& block) {
  bool masked = false;
  visit(block.body, [&](const Load& load) { masked = masked || load.mask; });
  return masked;
}

// The operator says that readers shall not compute it again.
bool is_stored(const Block& block) {
  return std::any_of(block.hints.begin(), block.hints.end(), [](const Ref<Attr>& hint) { return hint->name == "stored"; });
}

bool stores_intermediates(Schedule& s) {
  auto blocks = s.blocks();
  return std::any_of(blocks.begin(), blocks.end(), [](const Ref<Block>& block) { return is_stored(*block); });
}

} // namespace

bool is_row_reduction(Schedule& s, const Block& block) {
  auto loops = s.loops(block.id);
  if (loops.empty()) return false;
  for (const auto& a : strides_of(s, block, loops.back()->var))
    if (!a.coefficient || (!is_int(a.coefficient, 0) && !is_int(a.coefficient, 1))) return false;
  return true;
}

void inline_maps(Schedule& s) {
  for (bool again = true; again;) {
    again = false;
    for (const auto& block : s.blocks()) {
      const auto* store = as<Store>(block->body);
      if (!store || is_reduction(*block) || block->where || s.is_parameter(*store->buffer) || is_stored(*block)) continue;
      std::vector<Name> readers;
      int reads = 0;
      bool reduced = false, sole_writer = true;
      for (const auto& other : s.blocks()) {
        int here = 0;
        visit(other->body, [&](const Store& written) {
          sole_writer = sole_writer && (other->id == block->id || !written.buffer.same_as(store->buffer));
        });
        visit(other->body, [&](const Load& l) { here += l.buffer.same_as(store->buffer); });
        if (here) readers.push_back(other->id);
        if (here) reduced = reduced || is_reduction(*other);
        reads += here;
      }
      if (!sole_writer || (readers.size() > 1 && !is_cheap(*block))) continue;
      if (reduced && (reads_with_mask(*block) || (reads > 1 && !is_cheap(*block)))) continue;
      inline_block(s, block->id);
      again = true;
      break;
    }
  }
}

void schedule_by_rule(Schedule& s, const RemarkSink& remark) {
  if (has_raw_statements(s.kernel()->body)) return;
  drop_unit_loops(s);
  if (schedule_strips(s)) return; // before maps are inlined: they tell the convolutions apart
  inline_maps(s);
  if (schedule_winograd(s)) return;
  std::vector<Name> before, reductions, after;
  for (const auto& b : s.blocks()) {
    if (is_reduction(*b)) reductions.push_back(b->id);
    else (reductions.empty() ? before : after).push_back(b->id);
  }
  if (reductions.size() == 1 && schedule_tile(s, before, reductions[0], after)) return;
  bool rows = !reductions.empty() || stores_intermediates(s);
  for (const Name& r : reductions) rows = rows && is_row_reduction(s, *s.block(r));
  if (rows && schedule_rows(s)) return;
  if (reductions.size() > 1 && (schedule_sums(s) || schedule_chain(s))) return;
  schedule_each(s, remark);
}

Ref<Kernel> schedule_kernel(const Ref<Kernel>& kernel, const Target& target, const RemarkSink& remark) {
  for (const auto& attr : kernel->attrs)
    if (attr->name == scheduled_attribute) return kernel;
  Schedule s(kernel, target);
  schedule_by_rule(s, remark);
  return s.kernel();
}

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
// Sums over outer axes, one after the other, with maps of their results: means and variances of channels that lie side by side. A sum has
// its columns in every access, so vectors go along them. Two sums that follow each other and share outer axes go over a line together: the
// second finds it in cache, and threads share the lines. What brings the lines together is small.
#include "schedule/rules/rules.h"

namespace tw::schedule {
namespace {

class SumsRule {
public:
  explicit SumsRule(Schedule& s) : s_(s) {}

  bool run() {
    std::vector<Name> names;
    double maps = 0;
    for (const auto& block : s_.blocks()) {
      names.push_back(block->id);
      if (!is_reduction(*block)) maps += map_work(s_, block->id);
      else if (!has_columns(*block) && work_of(block->id) > worth_a_thread) return false;
    }
    bool together = false;
    for (size_t i = 0; i < names.size(); ++i) {
      if (!is_reduction(*s_.block(names[i]))) {
        schedule_map(s_, names[i], true, maps);
        continue;
      }
      if (size_t outer = i + 1 < names.size() ? join(names[i], names[i + 1]) : 0) {
        together = true;
        double work = work_of(names[i]) + work_of(names[i + 1]);
        auto loops = s_.loops(names[i]);
        Loops lines;
        for (size_t d = 0; d < outer; ++d) lines.push_back(loops[d]->var);
        for (size_t k = i; k < i + 2; ++k)
          if (!schedule_tile(s_, {}, names[k], {}, outer)) return false;
        share_outer(s_, lines, work);
        ++i;
      } else if (has_columns(*s_.block(names[i])) && !schedule_tile(s_, {}, names[i], {})) {
        return false;
      }
    }
    return together;
  }

private:
  double work_of(Name id) {
    double work = 4;
    for (const auto& f : s_.loops(id)) work *= static_cast<double>(as_int(f->extent).value_or(64));
    return work;
  }

  // The loops that carry no reduction.
  std::vector<Ref<For>> spatial(Name id) {
    Ref<Block> block = s_.block(id);
    std::vector<Ref<For>> out;
    for (const auto& f : s_.loops(id)) {
      bool reduces = false;
      for (const auto& iter : block->iters) reduces = reduces || (iter->how == IterKind::reduce && uses(iter->value.node(), f->var.node()));
      if (!reduces) out.push_back(f);
    }
    return out;
  }

  static bool adds(const Block& block) {
    const auto* update = as<Store>(block.body);
    const auto* sum = update ? as<Binary>(update->value) : nullptr;
    return sum && sum->op == BinaryOp::add;
  }

  bool has_columns(const Block& block) {
    auto loops = spatial(block.id);
    if (loops.empty() || !adds(block)) return false;
    for (const auto& access : strides_of(s_, block, loops.back()->var))
      if (!is_int(access.coefficient, 1)) return false;
    return true;
  }

  // How many outer axes two sums have been made to share; the columns are never among them.
  size_t join(Name first, Name second) {
    if (!is_reduction(*s_.block(second)) || !has_columns(*s_.block(first)) || !has_columns(*s_.block(second))) return 0;
    auto a = spatial(first), b = spatial(second);
    size_t shared = 0, most = std::min(a.size(), b.size()) - 1;
    while (shared < most && arith::prove_equal(a[shared]->extent, b[shared]->extent)) ++shared;
    bool joined = attempt(s_, [&](Schedule& copy) {
      for (size_t d = 0; d < shared; ++d) merge_loops(copy, a[d]->var, b[d]->var);
      return shared > 0;
    });
    return joined ? shared : 0; // 0: the second waits for more than a line of the first
  }

  Schedule& s_;
};

} // namespace

bool schedule_sums(Schedule& s) {
  return attempt(s, [](Schedule& copy) { return SumsRule(copy).run(); });
}

} // namespace tw::schedule

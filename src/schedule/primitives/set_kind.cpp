// SPDX-License-Identifier: Apache-2.0
//   for i in range(8):                     for i in vectorised(8):
//       C[i] = A[i]       vectorise(i)         C[i] = A[i]
#include "schedule/schedule.h"

#include "ir/visit.h"

namespace tw::schedule {

void set_kind(Schedule& s, const Ref<Var>& loop, ForKind how) {
  Ref<For> f = s.loop(loop);
  // Lanes of a reduction without init are combined first and added at once; threads have nothing of the kind.
  if (how == ForKind::parallel || how == ForKind::vectorised)
    visit(f->body, [&](const Block& b) {
      for (const auto& iter : b.iters) {
        bool fine = iter->how == IterKind::spatial || (how == ForKind::vectorised && iter->how == IterKind::reduce && !b.init);
        if (!fine && uses(iter->value.node(), loop.node()))
          throw schedule_error(name_of(how), "block " + b.id.str(),
                               fmt::format("loop '{}' carries no reduction and no order", loop->id.str()));
      }
    });
  if (how == ForKind::vectorised && !as_int(f->extent))
    throw schedule_error("vectorise", "loop " + loop->id.str(), "its extent is constant");
  s.replace(f.node(), with(f, &For::how, how));
}

} // namespace tw::schedule

// SPDX-License-Identifier: Apache-2.0
#include "ir/parallel_loop.h"

#include "ir/visit.h"

namespace tw {

bool has_parallel_loop(const Ref<Stmt>& statement) {
  bool found = false;
  visit(statement, [&](const For& loop, Walk walk) {
    found = found || loop.how == ForKind::parallel;
    if (!found) walk(static_cast<const Node*>(&loop));
  });
  return found;
}

} // namespace tw

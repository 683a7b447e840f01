// SPDX-License-Identifier: Apache-2.0
// Whether threads share a statement.
#pragma once

#include "ir/node_list.h"

namespace tw {

// Is there a loop in it that threads share?
bool has_parallel_loop(const Ref<Stmt>& statement);

} // namespace tw

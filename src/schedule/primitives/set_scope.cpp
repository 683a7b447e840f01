// SPDX-License-Identifier: Apache-2.0
//   T = allocate((8,), f32)   set_scope(T, "scratch")   T = allocate((8,), f32, scope="scratch")
#include "schedule/placement.h"

namespace tw::schedule {

Ref<Buffer> set_scope(Schedule& s, const Ref<Buffer>& buffer, Name scope) {
  auto refuse = [&](const std::string& sentence) { return schedule_error("set_scope", "buffer " + buffer->id.str(), sentence); };
  if (s.is_parameter(*buffer)) throw refuse("it is not a parameter of the kernel");
  if (!(scope == "global" || scope == "local" || scope == "scratch"))
    throw refuse(fmt::format("the scope is global, local or scratch, found '{}'", scope.str()));
  if (buffer->scope == scope) return buffer;
  Ref<Buffer> moved = with(buffer, &Buffer::scope, scope);
  s.set_body(substitute(s.kernel()->body, Substitution{{buffer.node(), moved}}));
  return moved;
}

} // namespace tw::schedule

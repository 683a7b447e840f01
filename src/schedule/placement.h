// SPDX-License-Identifier: Apache-2.0
// Primitives about places: which loop a block stands in, which memory a value passes through, how that memory is laid out. Those about the
// loops themselves are in schedule.h.
#pragma once

#include "schedule/schedule.h"

namespace tw::schedule {

// The name of a memory: global, local, scratch.
struct MemoryScope {
  MemoryScope(Name id) : name(id) {}
  MemoryScope(const char* id) : name(id) {}
  Name name;
};

// The producer moves into the loop and computes there what one iteration reads of it. Points that several iterations need are computed
// again.
void compute_at(Schedule& s, Name block, const Ref<Var>& loop);
// The consumer moves into the loop of its producer and runs on what one iteration has produced.
void reverse_compute_at(Schedule& s, Name block, const Ref<Var>& loop);
// The map becomes part of the map that produces its input; the producer writes the result at once.
void reverse_inline(Schedule& s, Name block);
// The block reads a copy of the buffer, made before it. Gives the block that copies.
Name cache_read(Schedule& s, Name block, const Ref<Buffer>& buffer, MemoryScope scope);
// The block writes to a buffer of its own, copied to the old one after it. Gives the block that copies.
Name cache_write(Schedule& s, Name block, MemoryScope scope);
// The buffer that one iteration of the loop needs is allocated inside the loop, no larger than that. Gives the new buffer.
Ref<Buffer> narrow(Schedule& s, const Ref<Buffer>& buffer, const Ref<Var>& loop);
// Gives the buffer that takes its place.
Ref<Buffer> set_scope(Schedule& s, const Ref<Buffer>& buffer, MemoryScope scope);
// Element x moves to map(x); the map is a bijection, up to padding. Gives the buffer that takes its place.
Ref<Buffer> transform_layout(Schedule& s, const Ref<Buffer>& buffer, const Ref<Lambda>& map);
// The nest from the loop down becomes the body of a block of its own, which runs once for each iteration of the loops outside. Gives it.
Name blockize(Schedule& s, Name block, const Ref<Var>& loop);
// The extent grows to a multiple; the added iterations are cut by `where`.
void pad(Schedule& s, const Ref<Var>& loop, int64_t multiple);
// Splits each loop by its size and puts the outer ones before the inner ones. Gives all, outer ones first.
Loops tile(Schedule& s, const Loops& loops, const std::vector<int64_t>& sizes);
// Sets a hint of the block.
void annotate(Schedule& s, Name block, const std::string& hint, const Attr::Value& value);

} // namespace tw::schedule

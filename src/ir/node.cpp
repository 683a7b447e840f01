// SPDX-License-Identifier: Apache-2.0
// Life and death of nodes, interned names, the members that nodes compute when they are made.
#include "ir/intrinsics.h"
#include "ir/node_list.h"

#include <mutex>
#include <unordered_set>

namespace tw {

PythonHooks python_hooks;

void retain(const Node* node) {
  uintptr_t value = node->state.load(std::memory_order_relaxed);
  while (value & 1)
    if (node->state.compare_exchange_weak(value, value + 2, std::memory_order_relaxed)) return;
  python_hooks.increment(value);
}

namespace {
void destroy(const Node* node) {
  dispatch(node, [](const auto& x) { delete &x; });
}

// Long chains (a statement list, a sum of a thousand terms) would overflow the stack if each node freed its children inside its own
// destructor; a queue per thread makes it a loop.
thread_local std::vector<const Node*>* pending = nullptr;

void release_last(const Node* node) {
  if (pending) {
    pending->push_back(node);
    return;
  }
  std::vector<const Node*> queue;
  pending = &queue;
  destroy(node);
  while (!queue.empty()) {
    const Node* next = queue.back();
    queue.pop_back();
    destroy(next);
  }
  pending = nullptr;
}
} // namespace

void release(const Node* node) {
  uintptr_t value = node->state.load(std::memory_order_relaxed);
  while (value & 1)
    if (node->state.compare_exchange_weak(value, value - 2, std::memory_order_acq_rel)) {
      if (value == 3) release_last(node);
      return;
    }
  python_hooks.decrement(value);
}

const Origin* origin_of(const Node* node) { return node->origin.get(); }

namespace {
thread_local Opt<Origin> current_origin;
}
OriginScope::OriginScope(const Opt<Origin>& origin) : saved_(current_origin) {
  if (origin) current_origin = origin;
}
OriginScope::~OriginScope() { current_origin = saved_; }
const Opt<Origin>& OriginScope::current() { return current_origin; }

const char* kind_name(const Node* n) {
  return dispatch(n, []<class T>(const T&) { return T::kind_name; });
}

const std::string* Name::intern(std::string_view text) {
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  static std::mutex mutex;
  static auto* names = new std::unordered_set<std::string, Hash, std::equal_to<>>;
  std::lock_guard lock(mutex);
  auto found = names->find(text);
  if (found == names->end()) found = names->emplace(text).first;
  return &*found;
}

// ---- computed members

void IntImm::finish() {
  dtype = type;
  TW_CHECK(type.is_int() || type.is_bool(), "an IntImm of type {}", to_string(type));
  if (type.bits < 64) { // wraps at its width
    int shift = 64 - type.bits;
    if (type.is_bool()) value = value != 0;
    else if (type.is_signed()) value = static_cast<int64_t>(static_cast<uint64_t>(value) << shift) >> shift;
    else value = static_cast<int64_t>(static_cast<uint64_t>(value) << shift >> shift);
  }
}
void FloatImm::finish() {
  dtype = type;
  TW_CHECK(type.is_float(), "a FloatImm of type {}", to_string(type));
  if (type == f32) value = static_cast<float>(value);
  if (type == f16) value = half_to_float(float_to_half(static_cast<float>(value)));
  if (type == bf16) value = bfloat_to_float(float_to_bfloat(static_cast<float>(value)));
}
void Unary::finish() {
  dtype = a->dtype;
  if (op == UnaryOp::logical_not) TW_CHECK(dtype.is_bool(), "`not` of {}", to_string(dtype));
}
void Binary::finish() {
  TW_CHECK(a->dtype == b->dtype, "{} of {} and {}", name_of(op), to_string(a->dtype), to_string(b->dtype));
  bool compares = op >= BinaryOp::eq && op <= BinaryOp::ge;
  if (op == BinaryOp::logical_and || op == BinaryOp::logical_or) TW_CHECK(a->dtype.is_bool(), "{} of {}", name_of(op), to_string(a->dtype));
  if (op == BinaryOp::div) TW_CHECK(a->dtype.is_float(), "div of {}: integers use floordiv", to_string(a->dtype));
  dtype = compares ? boolean.with_lanes(a->dtype.lanes) : a->dtype;
}
void Cast::finish() { dtype = to.with_lanes(value->dtype.lanes); }
void Select::finish() {
  TW_CHECK(cond->dtype.is_bool(), "select on {}", to_string(cond->dtype));
  TW_CHECK(a->dtype == b->dtype, "select of {} and {}", to_string(a->dtype), to_string(b->dtype));
  dtype = a->dtype;
}
void Ramp::finish() {
  TW_CHECK(lanes >= 1 && base->dtype.lanes == 1 && base->dtype == stride->dtype, "a ramp of {} lanes", lanes);
  dtype = base->dtype.with_lanes(static_cast<int>(lanes));
}
void Broadcast::finish() {
  TW_CHECK(value->dtype.lanes == 1, "a broadcast of a vector");
  dtype = value->dtype.with_lanes(static_cast<int>(lanes));
}
void Shuffle::finish() {
  TW_CHECK(!vectors.empty() && !indices.empty(), "an empty shuffle");
  dtype = vectors[0]->dtype.with_lanes(static_cast<int>(indices.size()));
}
void Load::finish() {
  TW_CHECK(index.size() == buffer->shape.size(), "a load of {} with {} indices from rank {}", buffer->id.str(), index.size(),
           buffer->shape.size());
  dtype = buffer->element.with_lanes(index.empty() ? 1 : index.back()->dtype.lanes);
}
void Call::finish() { dtype = find_intrinsic(intrinsic).result_type(args); }

} // namespace tw

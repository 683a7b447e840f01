// SPDX-License-Identifier: Apache-2.0
// Expressions as closures: variables read slots, loads check index and initialisation, shared parts are evaluated once.
#include "interpreter/machine.h"

#include "ir/intrinsics.h"
#include "ir/visit.h"

#include <cmath>
#include <cstring>

namespace tw::interpreter {
namespace {

[[noreturn]] void outside(const Buffer* buffer, const char* verb, const std::vector<int64_t>& index, const std::vector<int64_t>& sizes) {
  throw internal_error("{} {}[{}] outside its shape [{}]", verb, buffer->id.str(), fmt::join(index, ", "), fmt::join(sizes, ", "));
}

bool is_leaf(const Node* n) { return as<IntImm>(n) || as<FloatImm>(n) || as<Var>(n); }

void count_uses(const Node* n, std::unordered_map<const Node*, int>& uses) {
  if (is_leaf(n) || !as<Expr>(n)) return;
  if (++uses[n] > 1) return;
  for_children(n, [&](const Node* c) { count_uses(c, uses); });
}

} // namespace

int ExpressionCompiler::slot(const Node* variable, int lanes) {
  auto [entry, fresh] = slots_.emplace(variable, slot_count_);
  if (fresh) {
    slot_count_ += lanes;
    keep_.emplace_back(variable, 0);
  }
  return entry->second;
}

int ExpressionCompiler::memory(const Buffer* buffer) {
  auto [entry, fresh] = memories_.emplace(buffer, static_cast<int>(memories_.size()));
  if (fresh) keep_.emplace_back(buffer, 0);
  return entry->second;
}

Frame ExpressionCompiler::frame() const {
  Frame frame;
  frame.slots.resize(static_cast<size_t>(slot_count_));
  frame.memories.resize(memories_.size());
  frame.cache.resize(static_cast<size_t>(cache_count_), {0, integer(0)});
  return frame;
}

Code ExpressionCompiler::compile(const Ref<Expr>& e) {
  std::unordered_map<const Node*, int> uses;
  count_uses(e.node(), uses);
  bool vectors = false;
  cached_.clear();
  shared_code_.clear();
  for (const auto& [node, count] : uses) {
    vectors = vectors || as<Expr>(node)->dtype.lanes > 1;
    if (count > 1) cached_.emplace(node, -1);
  }
  if (vectors) cached_.clear(); // a value would differ from lane to lane
  keep_.push_back(e);
  Code code = build(e);
  if (cached_.empty()) return code;
  return [code](Frame& m) {
    ++m.epoch;
    return code(m);
  };
}

Code ExpressionCompiler::build(const Ref<Expr>& e) {
  auto shared = cached_.find(e.node());
  if (shared == cached_.end()) return build_new(e);
  if (shared->second < 0) {
    Code code = build_new(e);
    shared->second = cache_count_++;
    auto place = static_cast<size_t>(shared->second);
    Code filling = [code, place](Frame& m) {
      auto& entry = m.cache[place];
      if (entry.first == m.epoch) return entry.second;
      Value v = code(m);
      m.cache[place] = {m.epoch, v};
      return v;
    };
    shared_code_.insert_or_assign(e.node(), filling);
  }
  return shared_code_.at(e.node());
}

Code ExpressionCompiler::variable(const Var& v) {
  auto at = static_cast<size_t>(slot(&v, v.type.lanes));
  if (v.type.lanes > 1) return [at](Frame& m) { return m.slots[at + static_cast<size_t>(m.lane)]; };
  return [at](Frame& m) { return m.slots[at]; };
}

Code ExpressionCompiler::build_new(const Ref<Expr>& e) {
  if (const auto* x = as<IntImm>(e)) return [v = integer(x->value)](Frame&) { return v; };
  if (const auto* x = as<FloatImm>(e)) return [v = real(x->value)](Frame&) { return v; };
  if (const auto* x = as<Var>(e)) return variable(*x);
  if (const auto* x = as<Unary>(e)) return unary_code(x->op, x->dtype.element(), build(x->a));
  if (const auto* x = as<Binary>(e)) return binary_code(x->op, x->a->dtype.element(), build(x->a), build(x->b));
  if (const auto* x = as<Cast>(e)) return cast_code(x->to.element(), x->value->dtype.element(), build(x->value));
  if (const auto* x = as<Select>(e)) {
    Code cond = build(x->cond), a = build(x->a), b = build(x->b);
    return [=](Frame& m) {
      Value first = a(m), second = b(m);
      return cond(m).i ? first : second;
    };
  }
  if (const auto* x = as<Ramp>(e)) {
    Code base = build(x->base), stride = build(x->stride);
    if (x->dtype.is_float()) return [=](Frame& m) { return real(base(m).f + stride(m).f * static_cast<double>(m.lane)); };
    return [=](Frame& m) { return integer(base(m).i + stride(m).i * m.lane); };
  }
  if (const auto* x = as<Broadcast>(e)) return build(x->value);
  if (const auto* x = as<Shuffle>(e)) return shuffle(*x);
  if (const auto* x = as<Load>(e)) return load(*x);
  if (const auto* x = as<Call>(e)) return intrinsic(*x);
  throw internal_error("the interpreter does not evaluate a {}", kind_name(e.node()));
}

Code ExpressionCompiler::shuffle(const Shuffle& e) {
  std::vector<std::pair<Code, int64_t>> picks;
  for (int64_t index : e.indices) {
    int64_t rest = index;
    size_t v = 0;
    while (v < e.vectors.size() && rest >= e.vectors[v]->dtype.lanes) rest -= e.vectors[v++]->dtype.lanes;
    if (rest < 0 || v == e.vectors.size()) throw internal_error("a shuffle takes lane {} of its vectors", index);
    picks.emplace_back(build(e.vectors[v]), rest);
  }
  return [picks](Frame& m) {
    int64_t lane = m.lane;
    const auto& [code, inner] = picks[static_cast<size_t>(lane)];
    m.lane = inner;
    Value v = code(m);
    m.lane = lane;
    return v;
  };
}

std::function<int64_t(Frame&)> ExpressionCompiler::place(const Buffer* buffer, const List<Ref<Expr>>& index, const char* verb) {
  auto at = static_cast<size_t>(memory(buffer));
  std::vector<Code> codes;
  for (const auto& i : index) codes.push_back(build(i));
  return [=](Frame& m) {
    const Memory& memory = m.memories[at];
    int64_t offset = 0;
    for (size_t d = 0; d < codes.size(); ++d) {
      int64_t i = codes[d](m).i;
      if (static_cast<uint64_t>(i) >= static_cast<uint64_t>(memory.sizes[d])) {
        std::vector<int64_t> all;
        for (const auto& code : codes) all.push_back(code(m).i);
        outside(buffer, verb, all, memory.sizes);
      }
      offset += i * memory.strides[d];
    }
    if (offset < 0 || offset >= memory.elements)
      throw internal_error("{} {} at element {} of {}", verb, buffer->id.str(), offset, memory.elements);
    return offset;
  };
}

Code ExpressionCompiler::load(const Load& e) {
  const Buffer* buffer = e.buffer.get();
  auto at = static_cast<size_t>(memory(buffer));
  DType type = buffer->element;
  auto where = place(buffer, e.index, "reads");
  Code mask = e.mask ? build(as_ref<Expr>(e.mask)) : Code();
  return [=, bytes = type.bytes()](Frame& m) {
    if (mask && !mask(m).i) return type.is_float() ? real(0) : integer(0);
    int64_t offset = where(m);
    const Memory& memory = m.memories[at];
    if (memory.written && !(*memory.written)[static_cast<size_t>(offset)])
      throw internal_error("reads {} at element {} before it is written", buffer->id.str(), offset);
    return read_element(type, memory.data + offset * bytes);
  };
}

Code ExpressionCompiler::intrinsic(const Call& e) {
  const Intrinsic& row = find_intrinsic(e.intrinsic);
  if (row.effect == Effect::synchronises) return [](Frame&) { return integer(1); }; // one thread always meets itself
  std::vector<Code> args;
  for (const auto& a : e.args) args.push_back(build(a));
  RowCall operation = call_rows(e);
  return [=](Frame& m) {
    Value values[most_arguments];
    const Value* rows[most_arguments];
    for (size_t i = 0; i < args.size(); ++i) {
      values[i] = args[i](m);
      rows[i] = values + i;
    }
    Value out;
    operation(rows, &out, 1);
    return out;
  };
}

} // namespace tw::interpreter

// SPDX-License-Identifier: Apache-2.0
// What walks remember of the nodes that they have met: a set, and a map, of nodes by address. Most walks meet few shared nodes, and a
// compilation makes a great many walks, so both begin without memory of their own and keep their entries in one array.
//
// Nodes are not kept alive; nothing is ever removed, and there is no order to go through them.
#pragma once

#include "ir/node.h"

namespace tw {
namespace detail {

// Fibonacci hashing: the upper bits of the product, of which `shift` says how many are left out.
inline size_t slot_of(const Node* n, int shift) {
  return static_cast<size_t>(reinterpret_cast<uintptr_t>(n) * uint64_t{0x9e3779b97f4a7c15} >> shift);
}

} // namespace detail

class NodeSet {
public:
  NodeSet() = default;
  NodeSet(const NodeSet&) = delete; // points into itself
  NodeSet& operator=(const NodeSet&) = delete;

  // Was it not there yet?
  bool insert(const Node* n) {
    if (2 * count_ >= size()) grow();
    const Node** slot = find(n);
    if (*slot) return false;
    *slot = n;
    ++count_;
    return true;
  }
  bool contains(const Node* n) const { return *find(n); }

private:
  static constexpr int first_bits = 5;
  size_t size() const { return size_t{1} << (64 - shift_); }
  const Node** find(const Node* n) const {
    size_t mask = size() - 1, i = detail::slot_of(n, shift_);
    while (slots_[i] && slots_[i] != n) i = (i + 1) & mask;
    return slots_ + i;
  }
  void grow() {
    std::vector<const Node*> old(slots_, slots_ + size());
    shift_ -= 2;
    more_.assign(size(), nullptr);
    slots_ = more_.data();
    for (const Node* n : old)
      if (n) *find(n) = n;
  }

  const Node* few_[size_t{1} << first_bits] = {};
  std::vector<const Node*> more_;
  const Node** slots_ = few_;
  int shift_ = 64 - first_bits;
  size_t count_ = 0;
};

template <class V> class NodeMap {
public:
  // Null if it is not there; valid until the next insertion.
  const V* find(const Node* n) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place(n)];
    return slot.key ? &slot.value : nullptr;
  }
  // Keeps what is there already.
  void emplace(const Node* n, V value) {
    if (2 * count_ >= slots_.size()) grow();
    Slot& slot = slots_[place(n)];
    if (slot.key) return;
    slot = {n, std::move(value)};
    ++count_;
  }

private:
  struct Slot {
    const Node* key = nullptr;
    V value = {};
  };
  static constexpr int first_bits = 4;
  size_t place(const Node* n) const {
    size_t mask = slots_.size() - 1, i = detail::slot_of(n, shift_);
    while (slots_[i].key && slots_[i].key != n) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    std::vector<Slot> old = std::move(slots_);
    shift_ = old.empty() ? 64 - first_bits : shift_ - 2;
    slots_ = std::vector<Slot>(size_t{1} << (64 - shift_));
    for (Slot& slot : old)
      if (slot.key) slots_[place(slot.key)] = std::move(slot);
  }

  std::vector<Slot> slots_;
  int shift_ = 64;
  size_t count_ = 0;
};

} // namespace tw

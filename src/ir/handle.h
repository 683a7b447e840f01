// SPDX-License-Identifier: Apache-2.0
// How nodes are held: immutable, counted inside the node, shared between C++ and Python.
//
//   Ref<T>   never empty, no default constructor: a forgotten required field does not compile
//   Opt<T>   may be empty
//   List<T>  an immutable counted array; copying is one increment
//   Name     an interned string; copying and comparing cost one word
//
// Handles store a `const Node*`, so they work for types that are only declared: mutually recursive nodes need no trick.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tw {

struct Node;
struct Origin;

// The count word: odd (2 * count + 1) while C++ owns the node; else the address of the Python object that does. The hooks are set by the
// Python bindings; both take the interpreter's lock themselves.
struct PythonHooks {
  void (*increment)(uintptr_t object) = nullptr;
  void (*decrement)(uintptr_t object) = nullptr;
};
extern PythonHooks python_hooks;

void retain(const Node* node);
void release(const Node* node);
// Where the node came from in the user's model; null if unknown.
const Origin* origin_of(const Node* node);

template <class T> class Opt {
public:
  Opt() = default;
  Opt(std::nullptr_t) {}
  // Unchecked: for derived code, which knows the kind.
  Opt(const Node* node, int) : node_(node) {
    if (node_) retain(node_);
  }
  Opt(const Opt& other) : Opt(other.node_, 0) {}
  Opt(Opt&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  template <class U>
  requires std::is_convertible_v<const U*, const T*> Opt(const Opt<U>& other) : Opt(other.node(), 0) {}
  ~Opt() {
    if (node_) release(node_);
  }
  Opt& operator=(Opt other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }

  explicit operator bool() const { return node_; }
  const Node* node() const { return node_; }
  const T* get() const { return static_cast<const T*>(node_); }
  const T* operator->() const { return get(); }
  const T& operator*() const { return *get(); }
  // Identity, not structure; structural equality is equal() in derived.h.
  bool same_as(const Node* other) const { return node_ == other; }
  template <class U> bool same_as(const Opt<U>& other) const { return node_ == other.node(); }

protected:
  const Node* node_ = nullptr;
};

template <class T> class Ref : public Opt<T> {
public:
  Ref() = delete;
  Ref(const Node* node, int) : Opt<T>(node, 0) {}
  Ref(const Ref&) = default;
  Ref(Ref&& other) noexcept : Opt<T>(other) {} // copies: a moved-from Ref stays valid
  template <class U>
  requires(std::is_convertible_v<const U*, const T*> && !std::is_same_v<U, T>) Ref(const Ref<U>& other) : Opt<T>(other.node(), 0) {}
  Ref& operator=(const Ref&) = default;
  Ref& operator=(Ref&& other) noexcept {
    std::swap(this->node_, other.node_);
    return *this;
  }
};

template <class T> class List {
  struct Block {
    std::atomic<int64_t> count{1};
    std::vector<T> items;
  };

public:
  using value_type = T;
  List() = default;
  List(std::initializer_list<T> items) : List(std::vector<T>(items)) {}
  List(std::vector<T> items) {
    if (!items.empty()) block_ = new Block{.items = std::move(items)};
  }
  template <class It> List(It begin, It end) : List(std::vector<T>(begin, end)) {}
  List(const List& other) : block_(other.block_) {
    if (block_) block_->count.fetch_add(1, std::memory_order_relaxed);
  }
  List(List&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  ~List() {
    if (block_ && block_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete block_;
  }
  List& operator=(List other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }

  size_t size() const { return block_ ? block_->items.size() : 0; }
  bool empty() const { return !block_; }
  const T* begin() const { return block_ ? block_->items.data() : nullptr; }
  const T* end() const { return begin() + size(); }
  const T& operator[](size_t i) const { return block_->items[i]; }
  const T& front() const { return (*this)[0]; }
  const T& back() const { return (*this)[size() - 1]; }
  std::vector<T> vector() const { return {begin(), end()}; }
  bool operator==(const List& other) const requires std::equality_comparable<T> {
    return block_ == other.block_ || (size() == other.size() && std::equal(begin(), end(), other.begin()));
  }

private:
  Block* block_ = nullptr;
};

class Name {
public:
  Name() : text_(intern("")) {}
  Name(const char* text) : text_(intern(text)) {}
  Name(std::string_view text) : text_(intern(text)) {}
  Name(const std::string& text) : text_(intern(text)) {}
  const std::string& str() const { return *text_; }
  const char* c_str() const { return text_->c_str(); }
  operator std::string_view() const { return *text_; }
  bool empty() const { return text_->empty(); }
  bool operator==(const Name& other) const { return text_ == other.text_; }
  bool operator==(const char* other) const { return *text_ == other; }
  bool operator<(const Name& other) const { return *text_ < *other.text_; }
  const void* id() const { return text_; }

private:
  static const std::string* intern(std::string_view text);
  const std::string* text_;
};

} // namespace tw

template <> struct std::hash<tw::Name> {
  size_t operator()(const tw::Name& n) const { return std::hash<const void*>()(n.id()); }
};

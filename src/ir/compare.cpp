// SPDX-License-Identifier: Apache-2.0
// Structural equality and hashes under renaming of introduced identities, derived from the field lists.
#include "ir/derived.h"

#include <bit>

namespace tw {
namespace {

struct Equal {
  std::unordered_map<const Node*, const Node*> to, back;
  int renamed = 0;

  template <class T> bool value(const T& a, const T& b, bool) { return a == b; }
  bool value(double a, double b, bool) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }
  template <class T> bool value(const Opt<T>& a, const Opt<T>& b, bool def) { return node(a.node(), b.node(), def); }
  template <class T> bool value(const Ref<T>& a, const Ref<T>& b, bool def) { return node(a.node(), b.node(), def); }
  template <class T> bool value(const List<T>& a, const List<T>& b, bool def) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
      if (!value(a[i], b[i], def)) return false;
    return true;
  }
  bool value(const Attr::Value& a, const Attr::Value& b, bool def) {
    if (a.index() != b.index()) return false;
    return std::visit([&]<class V>(const V& x) { return value(x, std::get<V>(b), def); }, a);
  }
  template <class T> bool fields(const T& x, const T& y) {
    bool same = true;
    for_fields<T>([&](const auto& d) {
      if (same && !(d.flags & skip)) same = value(x.*d.member, y.*d.member, d.flags & defines);
    });
    return same;
  }
  bool node(const Node* a, const Node* b, bool def) {
    if (!a || !b) return a == b;
    if (a->kind_id != b->kind_id) return false;
    if (a == b && !def && !renamed) return true; // only while no two different identities are paired
    return dispatch(a, [&]<class T>(const T& x) {
      const T& y = *static_cast<const T*>(b);
      if constexpr (Identity<T>) {
        if (!def) {
          auto i = to.find(a);
          return i == to.end() ? a == b && !back.count(b) : i->second == b;
        }
        if (!fields(x, y)) return false;
        renamed += a != b;
        return to.emplace(a, b).second && back.emplace(b, a).second;
      } else {
        return fields(x, y);
      }
    });
  }
};

// Feeds the structure as a stream of words; introduced identities count by their order, free ones by kind and name.
struct Hasher {
  bool contents = false; // all of a constant's bytes, not a few
  std::unordered_map<const Node*, uint64_t> numbers;
  uint64_t low = 0x243f6a8885a308d3u, high = 0x13198a2e03707344u;

  void word(uint64_t w) {
    low = std::rotl((low ^ w) * 0x9fb21c651e98df25u, 31);
    high = (high + w) * 0xe7037ed1a0b428dbu ^ std::rotl(low, 17);
  }
  void value(bool v, bool) { word(v); }
  void value(int64_t v, bool) { word(static_cast<uint64_t>(v)); }
  void value(double v, bool) { word(std::bit_cast<uint64_t>(v)); }
  void value(DType v, bool) { word(v.hash()); }
  void value(const Name& v, bool) {
    Hash128 h = hash_bytes(std::as_bytes(std::span(v.str())));
    word(h.low);
  }
  void value(const Blob& v, bool) {
    word(v.size());
    word(contents ? v.hash().low : v.fingerprint());
    word(contents ? v.hash().high : 0);
  }
  template <NamedEnum E> void value(E v, bool) { word(static_cast<uint64_t>(v)); }
  template <class T> void value(const Opt<T>& v, bool def) { node(v.node(), def); }
  template <class T> void value(const Ref<T>& v, bool def) { node(v.node(), def); }
  template <class T> void value(const List<T>& v, bool def) {
    word(v.size() + 0x100);
    for (const T& item : v) value(item, def);
  }
  void value(const Attr::Value& v, bool def) {
    word(v.index());
    std::visit([&](const auto& x) { value(x, def); }, v);
  }
  void node(const Node* n, bool def) {
    if (!n) return word(0);
    word(n->kind_id + 1u);
    dispatch(n, [&]<class T>(const T& x) {
      if constexpr (Identity<T>) {
        if (!def) {
          if (auto i = numbers.find(n); i != numbers.end()) return word(i->second + 0x10000);
          return value(x.id, false);
        }
        numbers.emplace(n, numbers.size());
      }
      for_fields<T>([&](const auto& d) {
        if (!(d.flags & skip)) value(x.*d.member, d.flags & defines);
      });
    });
  }
};

} // namespace

bool equal(const Node* a, const Node* b) { return Equal{}.node(a, b, false); }

uint32_t structural_hash(const Node* n) {
  Hasher hasher;
  hasher.node(n, false);
  return static_cast<uint32_t>(hasher.low ^ hasher.low >> 32);
}

Hash128 content_hash(const Node* n) {
  Hasher hasher{.contents = true};
  hasher.node(n, false);
  return {hasher.low, hasher.high};
}

} // namespace tw

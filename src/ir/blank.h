// SPDX-License-Identifier: Apache-2.0
// A node whose defaulted fields have their defaults and whose required ones a placeholder: where printer and parser learn what may be left
// out. Only for derived code; a blank is never given to make() before its required fields are set.
#pragma once

#include "ir/node_list.h"

namespace tw {

namespace detail {
const Node* placeholder(); // any node, kept for ever

struct Anything {
  template <class M> operator M() const { return M{}; }
  template <class U> operator Ref<U>() const { return Ref<U>(placeholder(), 0); }
};
// The required members stand first: as many placeholders as it takes until the rest has defaults.
template <class T, class... A> T blank_with(A... a) {
  if constexpr (requires { T{{}, a...}; }) return T{{}, a...};
  else return blank_with<T>(Anything{}, a...);
}
} // namespace detail

template <NodeType T> T blank() { return detail::blank_with<T>(); }

} // namespace tw

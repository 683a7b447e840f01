// SPDX-License-Identifier: Apache-2.0
// Text there and back: what is read from the printed text is equal and prints the same.
#pragma once

#include "ir/text.h"

#include <gtest/gtest.h>

namespace tw::test {

inline const std::string file_head = "# tensorwright 1\nfrom __future__ import annotations\nfrom tensorwright.text import *\n";

inline void expect_same_text(const Ref<Module>& module) {
  std::string text = to_text(module);
  SCOPED_TRACE(text);
  Ref<Module> again = parse(text);
  EXPECT_TRUE(equal(module, again)) << to_text(again);
  EXPECT_EQ(to_text(again), text);
  EXPECT_EQ(structural_hash(module.node()), structural_hash(again.node()));
}

// The error's whole text; empty if f succeeds. Anything but a user error fails the test.
template <class F> std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user) << error.what();
    return error.what();
  }
  return "";
}

} // namespace tw::test

// SPDX-License-Identifier: Apache-2.0
#include "ops/example.h"

#include <gtest/gtest.h>

namespace tw {

// Every example in an operator's definition gives what it says; and every operator that can be run has one.
TEST(Operators, ExamplesHold) {
  for (const ops::OpDef* op : ops::all()) {
    EXPECT_TRUE((!op->compute && !op->decompose) || !op->examples.empty()) << op->name << " has no example";
    for (const auto& example : op->examples) EXPECT_EQ(testing::run_example(example), "");
  }
}

// An example that states a wrong result is caught: the check above can fail.
TEST(Operators, WrongExampleIsReported) { EXPECT_NE(testing::run_example("relu([-1.0]) == [-1.0]"), ""); }

// Names, documentation and attributes follow the rules that text, Python and the reference pages rely on.
TEST(Operators, DefinitionsAreComplete) {
  for (const ops::OpDef* op : ops::all()) {
    EXPECT_FALSE(op->doc.empty()) << op->name;
    for (char c : std::string_view(op->name)) EXPECT_TRUE(std::islower(c) || std::isdigit(c) || c == '_') << op->name;
    EXPECT_EQ(ops::find(op->name), op);
  }
}

} // namespace tw

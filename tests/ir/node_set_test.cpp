// SPDX-License-Identifier: Apache-2.0
#include "ir/node_set.h"

#include "ir/build.h"

#include <gtest/gtest.h>

namespace tw {
namespace {

std::vector<Ref<Var>> many() {
  std::vector<Ref<Var>> out;
  for (int i = 0; i < 5000; ++i) out.push_back(var("v"));
  return out;
}

} // namespace

// A set knows what was put into it, and nothing else, however large it grows.
TEST(NodeSet, KnowsItsNodes) {
  auto nodes = many();
  NodeSet set;
  for (size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_FALSE(set.contains(nodes[i].node()));
    EXPECT_TRUE(set.insert(nodes[i].node()));
    EXPECT_FALSE(set.insert(nodes[i / 2].node()));
  }
  for (const auto& n : nodes) EXPECT_TRUE(set.contains(n.node()));
}

// A map gives the first value of each node; what it holds lives as long as it does.
TEST(NodeMap, KeepsTheFirstValue) {
  auto nodes = many();
  NodeMap<Opt<Node>> map;
  EXPECT_EQ(map.find(nodes[0].node()), nullptr);
  for (size_t i = 0; i < nodes.size(); ++i) {
    map.emplace(nodes[i].node(), imm(static_cast<int64_t>(i)));
    map.emplace(nodes[i].node(), imm(-1));
  }
  for (size_t i = 0; i < nodes.size(); ++i) EXPECT_EQ(as<IntImm>(*map.find(nodes[i].node()))->value, static_cast<int64_t>(i));
  EXPECT_EQ(map.find(var("other").node()), nullptr);
}

} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// The cheapest split of a graph's nodes in two sides, given what it costs to separate each pair: exact, by maximum flow (Dinic). For
// choices between two forms that are cheap to hold alone and dear to convert between.
#pragma once

#include <cstdint>
#include <vector>

namespace tw::passes {

class MinimumCut {
public:
  static constexpr int64_t never = int64_t{1} << 60; // a cost that no split pays
  static constexpr int first_side = 0, second_side = 1;

  MinimumCut() : edges_of_(2) {}
  int add_node();
  // The cost if `a` is on the first side and `b` on the second. The two sides themselves are nodes: first_side and second_side.
  void add_cost(int a, int b, int64_t cost);
  // For each node whether it is on the second side; among equally cheap splits the one with the fewest there.
  std::vector<bool> solve();

private:
  struct Edge {
    int to;
    int64_t capacity;
  };
  bool find_levels();
  int64_t push(int node, int64_t most);

  std::vector<Edge> edges_; // an edge and its reverse stand together
  std::vector<std::vector<int>> edges_of_;
  std::vector<int> level_;
  std::vector<size_t> next_;
};

} // namespace tw::passes

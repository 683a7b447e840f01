// SPDX-License-Identifier: Apache-2.0
#include "passes/minimum_cut.h"

#include <algorithm>

namespace tw::passes {

int MinimumCut::add_node() {
  edges_of_.emplace_back();
  return static_cast<int>(edges_of_.size()) - 1;
}

void MinimumCut::add_cost(int a, int b, int64_t cost) {
  if (a == b || cost <= 0) return;
  edges_of_[static_cast<size_t>(a)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({b, cost});
  edges_of_[static_cast<size_t>(b)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({a, 0});
}

bool MinimumCut::find_levels() {
  level_.assign(edges_of_.size(), -1);
  std::vector<int> queue = {first_side};
  level_[first_side] = 0;
  for (size_t i = 0; i < queue.size(); ++i)
    for (int e : edges_of_[static_cast<size_t>(queue[i])]) {
      const Edge& edge = edges_[static_cast<size_t>(e)];
      if (edge.capacity == 0 || level_[static_cast<size_t>(edge.to)] >= 0) continue;
      level_[static_cast<size_t>(edge.to)] = level_[static_cast<size_t>(queue[i])] + 1;
      queue.push_back(edge.to);
    }
  return level_[second_side] >= 0;
}

// One augmenting path at a time, with a stack of its own: chains of a model can be thousands of nodes long.
int64_t MinimumCut::push(int node, int64_t most) {
  std::vector<int> path;
  while (node != second_side) {
    auto n = static_cast<size_t>(node);
    bool advanced = false;
    for (; next_[n] < edges_of_[n].size(); ++next_[n]) {
      int e = edges_of_[n][next_[n]];
      const Edge& edge = edges_[static_cast<size_t>(e)];
      if (edge.capacity == 0 || level_[static_cast<size_t>(edge.to)] != level_[n] + 1) continue;
      path.push_back(e);
      node = edge.to;
      advanced = true;
      break;
    }
    if (advanced) continue;
    if (path.empty()) return 0;
    node = edges_[static_cast<size_t>(path.back() ^ 1)].to;
    path.pop_back();
    ++next_[static_cast<size_t>(node)];
  }
  for (int e : path) most = std::min(most, edges_[static_cast<size_t>(e)].capacity);
  for (int e : path) {
    edges_[static_cast<size_t>(e)].capacity -= most;
    edges_[static_cast<size_t>(e ^ 1)].capacity += most;
  }
  return most;
}

std::vector<bool> MinimumCut::solve() {
  while (find_levels()) {
    next_.assign(edges_of_.size(), 0);
    while (push(first_side, never) > 0) {}
  }
  // What can still reach the second side belongs to it; all the rest stays on the first.
  std::vector<bool> second(edges_of_.size(), false);
  std::vector<int> queue = {second_side};
  second[second_side] = true;
  for (size_t i = 0; i < queue.size(); ++i)
    for (int e : edges_of_[static_cast<size_t>(queue[i])]) {
      // The edge towards this node is the reverse of the one listed here.
      const Edge &out = edges_[static_cast<size_t>(e)], &in = edges_[static_cast<size_t>(e ^ 1)];
      if (in.capacity == 0 || second[static_cast<size_t>(out.to)]) continue;
      second[static_cast<size_t>(out.to)] = true;
      queue.push_back(out.to);
    }
  return second;
}

} // namespace tw::passes

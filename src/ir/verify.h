// SPDX-License-Identifier: Apache-2.0
// What a legal Module is, stage by stage: the forms that a pass may expect and must leave. Rules that need more than the nodes themselves
// (operators' types, bounds of accesses, limits of a target) belong to the layers that know.
#pragma once

#include "ir/derived.h"

namespace tw {

enum class Stage {
  any,       // the rules that hold everywhere
  imported,  // as it came from a file: every graph node
  graph,     // no tuples, sequences, optional values
  lowered,   // functions call kernels and functions; what else is left needs no loops. Kernels are unscheduled
  scheduled, // kernels have their loops
  flat,      // no blocks, buffers of one dimension; from here on there are vectors
};
consteval auto enum_names(Stage) { return std::array{"any", "imported", "graph", "lowered", "scheduled", "flat"}; }

// Throws at the first rule that does not hold, with the node, where it came from, and the stage: a user error for Stage::imported (somebody
// wrote it), an internal one otherwise (a pass made it).
void verify(const Ref<Module>& module, Stage stage);

namespace verifying {

struct Context {
  Stage stage;
  const Module& module;
  std::unordered_map<std::string, const Node*> callables;
};

// A sentence about nodes of one kind that holds at some stages.
struct Rule {
  uint16_t kind;
  unsigned stages; // a bit each
  const char* sentence;
  void (*holds)();
  bool (*call)(void (*holds)(), const Node* n, const Context& context);
};
constexpr unsigned bit(Stage stage) { return 1u << static_cast<unsigned>(stage); }
constexpr unsigned from(Stage stage) { return stage == Stage::any ? ~0u : ~0u << static_cast<unsigned>(stage); }
constexpr unsigned always = ~0u;
constexpr unsigned before(Stage stage) { return ~from(stage) & ~bit(Stage::any); }

template <class T> Rule rule(unsigned stages, const char* sentence, bool (*holds)(const T&, const Context&)) {
  return {kind_of<T>(), stages, sentence, reinterpret_cast<void (*)()>(holds), [](void (*f)(), const Node* n, const Context& context) {
            return reinterpret_cast<bool (*)(const T&, const Context&)>(f)(*static_cast<const T*>(n), context);
          }};
}

const std::vector<Rule>& graph_rules();  // verify_graph.cpp: both levels, and graphs
const std::vector<Rule>& kernel_rules(); // verify_kernel.cpp

} // namespace verifying
} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// Concat, split, and broadcasting that operators do by themselves.
#include "passes/graph/simplify_graph/rules.h"

namespace tw::passes {
namespace {

Replacement concat_of_one(GraphRewriter& graph, const OpCall& call) {
  std::vector<Opt<Operand>> args;
  auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), shape_of_operand(call.args[0]).size()));
  for (const auto& arg : call.args)
    if (!is_int(shape_of_operand(arg)[axis], 0)) args.push_back(arg);
  if (args.size() == 1) return Operands{as_ref<Operand>(args[0])};
  if (args.empty() || args.size() == call.args.size()) return {};
  return Operands{graph.call("concat", std::move(args), call.attrs.vector())};
}

Replacement concat_of_concat(GraphRewriter& graph, const OpCall& call) {
  size_t rank = shape_of_operand(call.args[0]).size();
  int64_t axis = normal_axis(attribute<int64_t>(call, "axis"), rank);
  std::vector<Opt<Operand>> args;
  bool any = false;
  for (const auto& arg : call.args) {
    const OpCall* inner = graph.single_use(arg) ? graph.producer(arg, "concat") : nullptr;
    if (inner && normal_axis(attribute<int64_t>(*inner, "axis"), rank) == axis) {
      args.insert(args.end(), inner->args.begin(), inner->args.end());
      any = true;
    } else {
      args.push_back(arg);
    }
  }
  return any ? Replacement(Operands{graph.call("concat", std::move(args), call.attrs.vector())}) : Replacement();
}

// All parts of one split, in order, put together again.
Replacement concat_of_split(GraphRewriter& graph, const OpCall& call) {
  const OpCall* split = graph.producer(call.args[0], "split");
  if (!split) return {};
  size_t rank = shape_of_operand(split->args[0]).size();
  if (normal_axis(attribute<int64_t>(*split, "axis"), rank) != normal_axis(attribute<int64_t>(call, "axis"), rank)) return {};
  auto parts = graph.results_of(*split);
  if (parts.size() != call.args.size()) return {};
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].same_as(call.args[i])) return {};
  return Operands{argument(*split, 0)};
}

Replacement split_in_one(GraphRewriter& graph, const OpCall& call) {
  if (graph.binding().values.size() != 1) return {};
  return Operands{argument(call, 0)};
}

// An argument that is expanded only to be broadcast, where the others give the shape anyway.
Replacement needless_expand(GraphRewriter& graph, const OpCall& call) {
  Shape shape = shape_of_operand(graph.binding().values[0]);
  for (size_t i = 0; i < call.args.size(); ++i) {
    const OpCall* expand = graph.producer(call.args[i], "expand");
    if (!expand) continue;
    bool others_give_it = false;
    for (size_t k = 0; k < call.args.size(); ++k) others_give_it |= k != i && has_shape(call.args[k], shape);
    if (!others_give_it || !broadcasts_into(shape_of_operand(expand->args[0]), shape)) continue;
    std::vector<Opt<Operand>> args = call.args.vector();
    args[i] = expand->args[0];
    return Operands{graph.call(call.op, std::move(args), call.attrs.vector())};
  }
  return {};
}

constexpr GraphRule rules[] = {
    {"concat", "concat of one", concat_of_one},
    {"concat", "concat of concat", concat_of_concat},
    {"concat", "concat of a split's parts", concat_of_split},
    {"split", "split in one part", split_in_one},
    {"add", "broadcasting needs no expand", needless_expand},
    {"sub", "broadcasting needs no expand", needless_expand},
    {"mul", "broadcasting needs no expand", needless_expand},
    {"div", "broadcasting needs no expand", needless_expand},
    {"max", "broadcasting needs no expand", needless_expand},
    {"min", "broadcasting needs no expand", needless_expand},
    {"where", "broadcasting needs no expand", needless_expand},
    {"equal", "broadcasting needs no expand", needless_expand},
    {"less", "broadcasting needs no expand", needless_expand},
    {"greater", "broadcasting needs no expand", needless_expand},
};

} // namespace

std::span<const GraphRule> join_rules() { return rules; }

} // namespace tw::passes

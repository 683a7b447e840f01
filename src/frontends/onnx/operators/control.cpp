// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan. An If whose condition follows from shapes or constants takes its branch here; the graph of the other one is not even
// looked at. Otherwise both branches are bodies of the function, and sizes in which they differ become dims of the binding.
#include "frontends/onnx/graph_importer.h"
#include "frontends/onnx/operators/operators.h"

#include "arith/analyzer.h"
#include "ops/sizes.h"

#include <unordered_set>

namespace tw::onnx {
namespace {

struct ImportedBranch {
  Results results;
  BodyBuilder body;
  explicit ImportedBranch(BodyBuilder* outer) : body(outer) {}
  Ref<Body> finish(std::vector<Ref<tw::Value>> params = {}) const {
    return make(Body{.params = std::move(params), .bindings = body.bindings(), .results = results});
  }
};

// Is every variable of the expression known outside the bodies?
bool visible(const tw::Node* e, const std::unordered_set<const tw::Node*>& hidden) {
  if (hidden.count(e)) return false;
  bool all = true;
  for_children(e, [&](const tw::Node* child) { all = all && visible(child, hidden); });
  return all;
}

// One size for both branches: theirs if it is the same, else a new dim within the bounds of both.
Ref<Expr> join_sizes(NodeContext& c, const Ref<Expr>& a, const Ref<Expr>& b, const std::unordered_set<const tw::Node*>& hidden,
                     std::vector<Ref<Var>>& dims) {
  if (ops::surely_equal(a, b) && visible(a.node(), hidden)) return a;
  arith::Analyzer analyzer;
  arith::Bounds x = analyzer.bounds(a), y = analyzer.bounds(b);
  dims.push_back(c.fresh_dim("size", std::max<int64_t>(0, std::min(x.min, y.min)), std::max(x.max, y.max)));
  return dims.back();
}

Ref<TensorType> join(NodeContext& c, size_t output, const Ref<Operand>& a, const Ref<Operand>& b,
                     const std::unordered_set<const tw::Node*>& hidden, std::vector<Ref<Var>>& dims) {
  Ref<TensorType> x = NodeContext::type(a), y = NodeContext::type(b);
  std::string name = c.node.outputs[output];
  if (x->element != y->element)
    throw user_error("the branches give '{}' elements of {} and of {}, expected one type", name, to_string(x->element),
                     to_string(y->element));
  if (x->shape.size() != y->shape.size())
    throw unsupported("the branches give '{}' the ranks {} and {}, and which one is taken is only known at run time", name, x->shape.size(),
                      y->shape.size())
        .hint("fix the dimensions that decide it (the option dims), or export the model without the branch");
  std::vector<Ref<Expr>> shape;
  for (size_t d = 0; d < x->shape.size(); ++d) shape.push_back(join_sizes(c, x->shape[d], y->shape[d], hidden, dims));
  return tensor_type(Shape(std::move(shape)), x->element);
}

std::optional<bool> known_condition(NodeContext& c) {
  auto values = c.maybe_ints(0);
  if (!values || values->size() != 1) return {};
  return (*values)[0] != 0;
}

Results branch(NodeContext& c) {
  Ref<TensorType> type = c.type(0);
  if (!type->element.is_bool()) throw user_error("the condition must be a bool, found {}", to_string(type->element));
  const Graph &then = attribute_graph(c.node, "then_branch"), &otherwise = attribute_graph(c.node, "else_branch");
  for (const Graph* graph : {&then, &otherwise})
    if (graph->outputs.size() < c.node.outputs.size())
      throw user_error("the branch '{}' must have {} outputs, found {}", graph->name, c.node.outputs.size(), graph->outputs.size());
  if (auto known = known_condition(c)) return c.importer.subgraph(*known ? then : otherwise, {}, c.body);
  ImportedBranch yes(&c.body), no(&c.body);
  yes.results = c.importer.subgraph(then, {}, yes.body);
  no.results = c.importer.subgraph(otherwise, {}, no.body);
  std::unordered_set<const tw::Node*> hidden;
  for (const ImportedBranch* b : {&yes, &no})
    for (const auto& d : b->body.dims()) hidden.insert(d.node());
  std::vector<Ref<Var>> dims;
  std::vector<Ref<tw::Value>> values;
  Results results;
  for (size_t i = 0; i < c.node.outputs.size(); ++i) {
    values.push_back(make(tw::Value{.id = c.body.unique("branch"), .type = join(c, i, yes.results[i], no.results[i], hidden, dims)}));
    results.push_back(values.back());
  }
  yes.results.resize(values.size(), c.input(0));
  no.results.resize(values.size(), c.input(0));
  c.body.emit(make(Binding{
      .values = values, .operation = make(Branch{.cond = c.input(0), .then = yes.finish(), .otherwise = no.finish()}), .dims = dims}));
  return results;
}

constexpr OperatorRow rows[] = {{"If", branch}};

} // namespace

OperatorTable control_operators() { return {"", rows}; }

} // namespace tw::onnx

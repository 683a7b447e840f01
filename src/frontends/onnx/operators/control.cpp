// SPDX-License-Identifier: Apache-2.0
// If: one whose condition follows from shapes or constants takes its branch here; the graph of the other one is not even
// looked at. Otherwise both branches are bodies of the function, and sizes in which they differ become dims of the binding.
#include "frontends/onnx/graph_importer.h"
#include "frontends/onnx/operators/operators.h"

#include "arith/analyzer.h"
#include "ops/sizes.h"

#include <algorithm>
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
  std::vector<Ref<Expr>> shape;
  for (size_t d = 0; d < x->shape.size(); ++d) shape.push_back(join_sizes(c, x->shape[d], y->shape[d], hidden, dims));
  return tensor_type(Shape(std::move(shape)), x->element);
}

std::optional<bool> known_condition(NodeContext& c) {
  auto values = c.maybe_ints(0);
  if (!values || values->size() != 1) return {};
  return (*values)[0] != 0;
}

bool same_ranks(const Results& a, const Results& b, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (NodeContext::rank(a[i]) != NodeContext::rank(b[i])) return false;
  return true;
}

// A scalar in one branch and a vector of one in the other: both take the higher rank, which broadcasts alike.
void align_single_elements(ImportedBranch& a, ImportedBranch& b) {
  auto single = [](const Ref<Operand>& x) {
    Shape shape = NodeContext::shape(x);
    return std::all_of(shape.begin(), shape.end(), ops::is_one);
  };
  for (size_t i = 0; i < a.results.size(); ++i) {
    if (!single(a.results[i]) || !single(b.results[i])) continue;
    ImportedBranch& lower = NodeContext::rank(a.results[i]) < NodeContext::rank(b.results[i]) ? a : b;
    const Shape wanted = NodeContext::shape(&lower == &a ? b.results[i] : a.results[i]);
    if (NodeContext::shape(lower.results[i]).size() != wanted.size())
      lower.results[i] = lower.body.apply("reshape", {lower.results[i]}, {{"shape", List<Ref<Expr>>(wanted)}});
  }
}

bool fits_declaration(NodeContext& c, const Results& results) {
  for (size_t i = 0; i < c.node.outputs.size(); ++i) {
    const ValueType* declared = c.importer.declared_output(c.node, i);
    if (declared && declared->shape && static_cast<int64_t>(declared->shape->size()) != NodeContext::rank(results[i])) return false;
  }
  return true;
}

// A rank cannot depend on data. Such models come from `x.squeeze(axis)` where the size is dynamic: "if it is 1, squeeze, else do not". What
// the model declares decides; else the branch with the smaller rank, which is the one that later operators count on. The run checks that
// the condition agrees.
Results decided_branch(NodeContext& c, const Graph& then, const Graph& otherwise, const Results& yes, const Results& no) {
  bool take = NodeContext::rank(yes[0]) <= NodeContext::rank(no[0]);
  if (fits_declaration(c, yes) != fits_declaration(c, no)) take = fits_declaration(c, yes);
  Ref<Operand> condition = c.reshape(c.cast(c.input(0), i64), {imm(1)});
  c.body.read(condition, take ? 1 : 0, take ? 1 : 0);
  return c.importer.subgraph(take ? then : otherwise, {}, c.body);
}

Results branch(NodeContext& c) {
  Ref<TensorType> type = c.type(0);
  if (!type->element.is_bool()) throw user_error("the condition must be a bool, found {}", to_string(type->element));
  const Graph &then = attribute_graph(c.node, "then_branch"), &otherwise = attribute_graph(c.node, "else_branch");
  size_t count = c.node.outputs.size();
  for (const Graph* graph : {&then, &otherwise})
    if (graph->outputs.size() < count)
      throw user_error("the branch '{}' must have {} outputs, found {}", graph->name, count, graph->outputs.size());
  if (auto known = known_condition(c)) return c.importer.subgraph(*known ? then : otherwise, {}, c.body);
  ImportedBranch yes(&c.body), no(&c.body);
  yes.results = c.importer.subgraph(then, {}, yes.body);
  no.results = c.importer.subgraph(otherwise, {}, no.body);
  yes.results.resize(count, c.input(0));
  no.results.resize(count, c.input(0));
  align_single_elements(yes, no);
  if (!same_ranks(yes.results, no.results, count)) return decided_branch(c, then, otherwise, yes.results, no.results);
  std::unordered_set<const tw::Node*> hidden;
  for (const ImportedBranch* b : {&yes, &no})
    for (const auto& d : b->body.dims()) hidden.insert(d.node());
  std::vector<Ref<Var>> dims;
  std::vector<Ref<tw::Value>> values;
  for (size_t i = 0; i < count; ++i)
    values.push_back(make(tw::Value{.id = c.body.unique("branch"), .type = join(c, i, yes.results[i], no.results[i], hidden, dims)}));
  c.body.emit(make(Binding{
      .values = values, .operation = make(Branch{.cond = c.input(0), .then = yes.finish(), .otherwise = no.finish()}), .dims = dims}));
  return Results(values.begin(), values.end());
}

constexpr OperatorRow rows[] = {{"If", branch}};

} // namespace

OperatorTable control_operators() { return {"", rows}; }

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Loop and Scan as the IR's Loop: a body that takes the number of the iteration and the carried values, and gives them anew together with
// what is stacked. A carried value keeps its type; a loop that makes one grow is refused. Loops of a few iterations, whose number is known,
// are written out instead: there the values may grow.
#include "frontends/onnx/graph_importer.h"
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

#include <unordered_set>

namespace tw::onnx {
namespace {

bool same_type(const Ref<Operand>& a, const Ref<Operand>& b) {
  Ref<TensorType> x = NodeContext::type(a), y = NodeContext::type(b);
  if (x->element != y->element || x->shape.size() != y->shape.size()) return false;
  for (size_t d = 0; d < x->shape.size(); ++d)
    if (!ops::surely_equal(x->shape[d], y->shape[d])) return false;
  return true;
}

std::string type_text(const Ref<Operand>& x) {
  return fmt::format("{}{}", tw::to_string(NodeContext::type(x)->element), ops::to_string(NodeContext::shape(x)));
}

bool uses_any(const Ref<Expr>& size, const std::vector<Ref<Var>>& dims) {
  for (const auto& d : dims)
    if (uses(size.node(), d.node())) return true;
  return false;
}

constexpr int64_t most_iterations = 64, most_copied_nodes = 4096;

struct LoopParts {
  std::vector<Ref<Operand>> init;
  Opt<Operand> trip, cond;
  Opt<Expr> count; // of the iterations, if it is known and no condition ends the loop early
};

class LoopBuilder {
public:
  LoopBuilder(NodeContext& c, LoopParts parts) : c_(c), parts_(std::move(parts)), body_(&c.body) {
    params_.push_back(make(tw::Value{.id = "iteration", .type = tensor_type({}, i64)}));
    for (const auto& v : parts_.init) params_.push_back(make(tw::Value{.id = "carried", .type = NodeContext::type(v)}));
  }
  Ref<Operand> iteration() const { return params_[0]; }
  std::vector<Ref<Operand>> carried() const { return {params_.begin() + 1, params_.end()}; }
  BodyBuilder& body() { return body_; }

  // `going`: whether to go on, empty if always. `results`: carried, then stacked.
  Results finish(const Opt<Operand>& going, const Results& results) {
    size_t carried = parts_.init.size();
    for (size_t i = 0; i < carried; ++i)
      if (!same_type(parts_.init[i], results[i]))
        throw unsupported("carried value {} begins as {} and becomes {}; a value whose type changes from one iteration to the next is only "
                          "supported in loops of at most {} iterations, whose number is known when the model is compiled",
                          i, type_text(parts_.init[i]), type_text(results[i]), most_iterations)
            .hint("give the value its final size before the loop");
    std::vector<Ref<Operand>> outputs;
    if (going) outputs.push_back(as_ref<Operand>(going));
    outputs.insert(outputs.end(), results.begin(), results.end());
    std::vector<Ref<Var>> dims;
    std::vector<Ref<tw::Value>> values;
    for (const auto& v : parts_.init) values.push_back(value(NodeContext::type(v)));
    for (size_t i = carried; i < results.size(); ++i) values.push_back(value(stacked_type(results[i], !going, dims)));
    auto loop = make(Loop{.init = parts_.init,
                          .body = make(Body{.params = params_, .bindings = body_.bindings(), .results = outputs}),
                          .trip = parts_.trip,
                          .cond = parts_.cond,
                          .conditional = static_cast<bool>(going),
                          .stacked = static_cast<int64_t>(results.size() - carried)});
    c_.body.emit(make(Binding{.values = values, .operation = loop, .dims = dims}));
    return Results(values.begin(), values.end());
  }

private:
  Ref<tw::Value> value(const Ref<TensorType>& type) { return make(tw::Value{.id = c_.body.unique("loop"), .type = type}); }
  // One more dimension for the iterations; sizes that are only known inside are dims of the loop.
  Ref<TensorType> stacked_type(const Ref<Operand>& one, bool runs_through, std::vector<Ref<Var>>& dims) {
    auto fresh = [&](const char* name) -> Ref<Expr> {
      dims.push_back(c_.fresh_dim(name));
      return dims.back();
    };
    if (!stacked_) stacked_ = runs_through && parts_.count ? as_ref<Expr>(parts_.count) : fresh("iterations");
    std::vector<Ref<Expr>> shape{as_ref<Expr>(stacked_)};
    for (const auto& size : NodeContext::shape(one)) shape.push_back(uses_any(size, body_.dims()) ? fresh("size") : size);
    return tensor_type(Shape(std::move(shape)), NodeContext::type(one)->element);
  }

  NodeContext& c_;
  LoopParts parts_;
  BodyBuilder body_;
  std::vector<Ref<tw::Value>> params_;
  Opt<Expr> stacked_;
};

std::optional<bool> known_bool(BodyBuilder& body, const Ref<Operand>& x) {
  auto contents = body.contents(x);
  if (!contents || contents->elements.size() != 1) return {};
  auto value = as_int(contents->elements[0]);
  return value ? std::optional(*value != 0) : std::nullopt;
}

void check_counts(const Graph& body, size_t inputs, size_t outputs) {
  if (body.inputs.size() != inputs) throw user_error("the body must have {} inputs, found {}", inputs, body.inputs.size());
  if (body.outputs.size() < outputs) throw user_error("the body must have at least {} outputs, found {}", outputs, body.outputs.size());
}

// ---- loops that are written out

bool is_short(const Graph& graph, const Opt<Expr>& count) {
  auto iterations = count ? as_int(as_ref<Expr>(count)) : std::nullopt;
  return iterations && *iterations > 0 && *iterations <= most_iterations &&
         *iterations * static_cast<int64_t>(graph.nodes.size()) <= most_copied_nodes;
}

// One iteration after the other, as long as it is known that the loop goes on; nothing if that depends on data. `arguments` gives what the
// body takes; the body gives `skipped` results (a condition), the carried values, and what is stacked.
template <class Arguments>
std::optional<Results> written_out(NodeContext& c, const Graph& graph, int64_t count, Results carried, size_t skipped,
                                   Arguments&& arguments) {
  BodyBuilder body(&c.body);
  std::vector<std::vector<Opt<Operand>>> stacks;
  for (int64_t i = 0; i < count; ++i) {
    Results results = c.importer.subgraph(graph, arguments(body, i, carried), body);
    if (i == 0) stacks.resize(results.size() - carried.size() - skipped);
    for (size_t k = 0; k < carried.size(); ++k) carried[k] = results[skipped + k];
    for (size_t k = 0; k < stacks.size(); ++k)
      stacks[k].push_back(body.apply("unsqueeze", {results[skipped + carried.size() + k]}, {{"axes", List<int64_t>{0}}}));
    auto going = skipped ? known_bool(body, results[0]) : true;
    if (!going) return {};
    if (!*going) break;
  }
  for (const auto& binding : body.bindings()) c.body.emit(binding);
  for (const auto& stack : stacks)
    carried.push_back(stack.size() == 1 ? as_ref<Operand>(stack[0]) : c.call("concat", stack, {{"axis", 0}}));
  return carried;
}

Results loop(NodeContext& c) {
  const Graph& graph = attribute_graph(c.node, "body");
  LoopParts parts;
  for (size_t i = 2; i < c.input_count(); ++i) parts.init.push_back(c.input(i));
  check_counts(graph, parts.init.size() + 2, parts.init.size() + 1);
  if (c.has(0)) {
    parts.trip = c.input(0);
    auto count = c.body.contents(c.input(0));
    if (count && count->elements.size() == 1) parts.count = ops::simplified(max(imm(0), tw::cast(i64, count->elements[0])));
  }
  if (c.has(1) && known_bool(c.body, c.input(1)) != true) parts.cond = c.input(1);
  if (parts.cond) parts.count = {};
  for (size_t i : {size_t{0}, size_t{1}})
    if (c.has(i) && !parts.count) c.importer.inputs_of(c.body, c.input(i)); // with their values the loop could be written out
  if (is_short(graph, parts.count)) {
    auto arguments = [](BodyBuilder& body, int64_t i, const Results& carried) {
      std::vector<Ref<Operand>> out{body.scalar(static_cast<double>(i), i64), body.scalar(1, boolean)};
      out.insert(out.end(), carried.begin(), carried.end());
      return out;
    };
    if (auto out = written_out(c, graph, *as_int(as_ref<Expr>(parts.count)), parts.init, 1, arguments)) return *out;
  }
  LoopBuilder builder(c, parts);
  std::vector<Ref<Operand>> arguments{builder.iteration(), c.scalar(1, boolean)};
  for (const auto& v : builder.carried()) arguments.push_back(v);
  Results results = c.importer.subgraph(graph, arguments, builder.body());
  Ref<Operand> going = results[0];
  bool always = known_bool(builder.body(), going) == true;
  if (always && !c.has(0)) throw user_error("the loop has neither a count nor a condition that ends it");
  results.erase(results.begin());
  return builder.finish(always ? Opt<Operand>() : Opt<Operand>(going), results);
}

std::string refuse_scan(const Node& node) { return node.opset < 9 ? "the form with a batch dimension (opset 8)" : ""; }

std::vector<int64_t> scan_list(NodeContext& c, const char* name, size_t count) {
  std::vector<int64_t> list = c.attribute_ints(name, std::vector<int64_t>(count, 0));
  if (list.size() != count) throw user_error("attribute '{}' must have {} values, found {}", name, count, list.size());
  return list;
}

// What is stacked lies in dimension 0 and in the order of the iterations; the model may want another axis or the reverse.
Ref<Operand> placed(NodeContext& c, Ref<Operand> x, int64_t axis, bool reverse) {
  if (reverse)
    x = c.call("slice", {x},
               {{"axes", List<int64_t>{0}},
                {"begin", List<Ref<Expr>>{imm(-1)}},
                {"end", List<Ref<Expr>>{imm(-unbounded)}},
                {"steps", List<int64_t>{-1}}});
  axis = c.axis(axis, NodeContext::rank(x), "scan_output_axes");
  std::vector<int64_t> order;
  for (int64_t d = 1; d < NodeContext::rank(x); ++d) order.push_back(d);
  order.insert(order.begin() + axis, 0);
  return c.transpose(x, order);
}

Results scan(NodeContext& c) {
  const Graph& graph = attribute_graph(c.node, "body");
  auto scanned = onnx::attribute_int(c.node, "num_scan_inputs");
  auto total = static_cast<int64_t>(c.input_count());
  if (scanned < 1 || scanned > total) throw user_error("attribute 'num_scan_inputs' must be in [1, {}], found {}", total, scanned);
  auto states = static_cast<size_t>(total - scanned);
  check_counts(graph, c.input_count(), states);
  std::vector<int64_t> axes = scan_list(c, "scan_input_axes", static_cast<size_t>(scanned));
  std::vector<int64_t> directions = scan_list(c, "scan_input_directions", static_cast<size_t>(scanned));
  LoopParts parts;
  for (size_t i = 0; i < states; ++i) parts.init.push_back(c.input(i));
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = c.axis(axes[i], c.rank(states + i), "scan_input_axes");
  parts.count = c.shape(states)[static_cast<size_t>(axes[0])];
  Ref<Operand> length = c.call("shape_of", {c.input(states)}, {{"begin", axes[0]}, {"end", axes[0] + 1}});
  length = c.squeeze(length, {0});
  parts.trip = length;
  auto arguments = [&](BodyBuilder& body, const Ref<Operand>& iteration, const Results& carried) {
    std::vector<Ref<Operand>> out = carried;
    for (size_t i = 0; i < axes.size(); ++i) {
      Ref<Operand> at = iteration;
      if (directions[i]) at = body.apply("sub", {body.apply("sub", {length, body.scalar(1, i64)}), at});
      out.push_back(body.apply("gather", {c.input(states + i), at}, {{"axis", axes[i]}}));
    }
    return out;
  };
  Results results;
  if (is_short(graph, parts.count)) {
    int64_t count = *as_int(as_ref<Expr>(parts.count));
    results = *written_out(c, graph, count, parts.init, 0, [&](BodyBuilder& body, int64_t i, const Results& carried) {
      return arguments(body, body.scalar(static_cast<double>(i), i64), carried);
    });
  } else {
    LoopBuilder builder(c, parts);
    Results body = c.importer.subgraph(graph, arguments(builder.body(), builder.iteration(), builder.carried()), builder.body());
    results = builder.finish({}, body);
  }
  std::vector<int64_t> output_axes = scan_list(c, "scan_output_axes", results.size() - states);
  std::vector<int64_t> output_directions = scan_list(c, "scan_output_directions", results.size() - states);
  for (size_t i = states; i < results.size(); ++i)
    results[i] = placed(c, results[i], output_axes[i - states], output_directions[i - states] != 0);
  return results;
}

constexpr OperatorRow rows[] = {
    {"Loop", loop},
    {"Scan", scan, refuse_scan},
};

} // namespace

OperatorTable loop_operators() { return {"", rows}; }

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Products of one tensor by several constants become one product by the constants side by side: its argument is read once. Only where all
// that reads the parts takes them from where they are, so that no byte moves to part them: queries, keys and values of attention.
#include "ir/visit.h"
#include "passes/operands.h"

#include <cstring>
#include <map>

namespace tw::passes {
namespace {

// A product, with a bias behind it or without.
struct Part {
  const Node* result;
  const Constant* weights;
  const Constant* bias;
  int64_t columns() const { return *as_int(weights->type->shape[1]); }
};
struct Merged {
  std::vector<Part> parts;
  Opt<Operand> result; // once it is computed
};

class Finder {
public:
  explicit Finder(const Body& body) : body_(body) {
    for (const auto& binding : body.bindings) {
      const auto* call = as<OpCall>(binding->operation);
      if (!call) {
        visit(binding->operation, [&](const Value& value) { readers_[&value].push_back(nullptr); });
        continue;
      }
      for (const auto& arg : call->args)
        if (arg) readers_[arg.node()].push_back(binding.node());
    }
    for (const auto& result : body.results) readers_[result.node()].push_back(nullptr);
  }

  std::vector<Merged> run() {
    std::map<const Node*, Merged> by_argument;
    std::vector<const Node*> order;
    for (const auto& binding : body_.bindings)
      if (const auto* call = as<OpCall>(binding->operation); call && call->op == "matmul")
        if (auto part = part_of(*binding.get(), *call)) {
          const Node* argument = call->args[0].node();
          if (!by_argument.count(argument)) order.push_back(argument);
          by_argument[argument].parts.push_back(*part);
        }
    std::vector<Merged> out;
    for (const Node* argument : order)
      if (Merged& merged = by_argument[argument]; merged.parts.size() > 1) out.push_back(std::move(merged));
    return out;
  }

private:
  const Binding* only_reader(const Node* value) const {
    auto found = readers_.find(value);
    return found != readers_.end() && found->second.size() == 1 ? as<Binding>(found->second[0]) : nullptr;
  }

  std::optional<Part> part_of(const Binding& binding, const OpCall& product) const {
    const auto* weights = constant_of(product.args[1]);
    if (attribute<bool>(product, "transpose_a") || attribute<bool>(product, "transpose_b") || constant_of(product.args[0])) return {};
    if (!weights || weights->type->shape.size() != 2 || shape_of_operand(product.args[0]).size() < 2) return {};
    Part part{binding.values[0].node(), weights, nullptr};
    const Binding* reader = only_reader(part.result);
    if (const auto* sum = reader ? as<OpCall>(reader->operation) : nullptr; sum && sum->op == "add")
      for (const auto& arg : sum->args)
        if (const auto* bias = constant_of(arg); bias && has_shape(arg, Shape{weights->type->shape[1]})) {
          part.bias = bias;
          part.result = reader->values[0].node();
        }
    return reaches_attention(part.result) ? std::optional(part) : std::nullopt;
  }

  bool reaches_attention(const Node* value) const {
    for (const Binding* reader = only_reader(value); reader; reader = only_reader(value)) {
      const auto& call = *as<OpCall>(reader->operation);
      if (call.op == "attention") return true;
      if (call.op != "reshape" && call.op != "transpose" && call.op != "slice") return false;
      value = reader->values[0].node();
    }
    return false;
  }

  const Body& body_;
  std::unordered_map<const Node*, std::vector<const Node*>> readers_;
};

// Rows of several constants one behind the other; absent ones are zeros.
Ref<Constant> side_by_side(const std::vector<const Constant*>& constants, const std::vector<int64_t>& columns, int64_t rows, DType type) {
  auto bytes = static_cast<int64_t>(type.bytes());
  int64_t width = 0, at = 0;
  for (int64_t c : columns) width += c;
  std::vector<std::byte> data(static_cast<size_t>(rows * width * bytes));
  for (size_t i = 0; i < constants.size(); ++i) {
    auto line = static_cast<size_t>(columns[i] * bytes);
    for (int64_t row = 0; constants[i] && row < rows; ++row)
      std::memcpy(data.data() + (row * width + at) * bytes, constants[i]->data.bytes().data() + static_cast<size_t>(row) * line, line);
    at += columns[i];
  }
  return make(Constant{.type = tensor_type({imm(rows), imm(width)}, type), .data = Blob(std::move(data)), .id = ""});
}

Ref<Operand> merged_product(GraphRewriter& graph, const Ref<Operand>& argument, const Merged& merged) {
  std::vector<const Constant*> weights, biases;
  std::vector<int64_t> columns;
  bool biased = false;
  for (const Part& part : merged.parts) {
    weights.push_back(part.weights);
    biases.push_back(part.bias);
    columns.push_back(part.columns());
    biased = biased || part.bias;
  }
  DType type = weights[0]->type->element;
  Ref<Operand> product = graph.call("matmul", {argument, side_by_side(weights, columns, *as_int(weights[0]->type->shape[0]), type)});
  if (!biased) return product;
  Ref<Constant> bias = side_by_side(biases, columns, 1, type);
  return graph.call("add", {product, reshaped(*bias.get(), Shape{bias->type->shape[1]})});
}

class Merger {
public:
  explicit Merger(const Function& function) {
    find(*function.body.get());
    for (size_t m = 0; m < merged_.size(); ++m)
      for (size_t p = 0; p < merged_[m].parts.size(); ++p) part_of_.emplace(merged_[m].parts[p].result, std::pair(m, p));
  }

  Replacement operator()(GraphRewriter& graph, const OpCall& call) {
    auto found = part_of_.find(graph.binding().values[0].node());
    if (found == part_of_.end()) return {};
    auto [m, p] = found->second;
    Merged& merged = merged_[m];
    if (!merged.result) {
      const OpCall* product = &call;
      if (call.op == "add") product = graph.producer(call.args[constant_of(call.args[0]) ? 1 : 0], "matmul");
      if (!product) return {};
      merged.result = merged_product(graph, argument(*product, 0), merged);
    }
    int64_t begin = 0;
    for (size_t i = 0; i < p; ++i) begin += merged.parts[i].columns();
    auto last = static_cast<int64_t>(shape_of_operand(merged.result).size()) - 1;
    return Operands{graph.call(
        "slice", {merged.result},
        attributes("slice",
                   {{"axes", List<int64_t>{last}}, {"begin", Shape{imm(begin)}}, {"end", Shape{imm(begin + merged.parts[p].columns())}}}))};
  }

private:
  void find(const Body& body) {
    for (Merged& merged : Finder(body).run()) merged_.push_back(std::move(merged));
    for (const auto& binding : body.bindings)
      for_children(binding->operation.node(), [&](const Node* child) {
        if (const auto* inner = as<Body>(child)) find(*inner);
      });
  }

  std::vector<Merged> merged_;
  std::unordered_map<const Node*, std::pair<size_t, size_t>> part_of_;
};

Ref<Module> merge_products(const Ref<Module>& module, PassContext&) {
  return map_functions(module, [](const Ref<Function>& function) {
    Merger merge(*function.get());
    return rewrite_calls(function, [&](GraphRewriter& graph, const OpCall& call) { return merge(graph, call); });
  });
}

} // namespace

extern const Pass merge_products_pass;
const Pass merge_products_pass = {.name = "merge_products",
                                  .doc = "one product for queries, keys and values of attention where they are made from one tensor",
                                  .graph = merge_products};

} // namespace tw::passes

// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/check_graph.h"

#include "base/diagnostics.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace tw::onnx {
namespace {

// Names that a graph reads and does not define, each with its first reader.
using FreeNames = std::map<std::string, std::string>;

constexpr int no_node = -1; // a graph's input or initializer

// Number of single-letter edits between two names; to suggest what was meant.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

class GraphChecker {
public:
  GraphChecker(Graph& graph, bool top) : graph_(graph), top_(top) {}

  FreeNames run() {
    define_inputs();
    for (size_t i = 0; i < graph_.nodes.size(); ++i) define_outputs(static_cast<int>(i));
    for (size_t i = 0; i < graph_.nodes.size(); ++i) read_inputs(static_cast<int>(i));
    read_graph_outputs();
    sort();
    return std::move(free_);
  }

  std::string similar_name(const std::string& name) const {
    std::string best;
    size_t best_distance = 1 + std::min<size_t>(name.size(), 40) / 4;
    if (name.size() > 200) return best;
    for (const auto& [other, node] : definitions_) {
      if (other.size() > name.size() + best_distance || name.size() > other.size() + best_distance) continue;
      if (size_t d = distance(name, other); d < best_distance || (d == best_distance && !best.empty() && other < best)) {
        best = other;
        best_distance = d;
      }
    }
    return best;
  }

private:
  std::string definer(int node) const {
    return node == no_node ? "an input or initializer" : describe(graph_.nodes[static_cast<size_t>(node)]);
  }

  void define(const std::string& name, int node) {
    auto [found, added] = definitions_.emplace(name, node);
    if (!added) throw user_error("the value '{}' is defined twice: by {} and by {}", name, definer(found->second), definer(node));
  }

  void define_inputs() {
    for (const Tensor& tensor : graph_.initializers) {
      if (tensor.name.empty()) throw user_error("an initializer has no name");
      define(tensor.name, no_node);
    }
    std::unordered_set<std::string> seen;
    std::vector<Value> inputs;
    for (Value& input : graph_.inputs) {
      if (input.name.empty()) throw user_error("an input of the graph has no name");
      if (!seen.insert(input.name).second) throw user_error("the graph has two inputs '{}'", input.name);
      bool constant = definitions_.contains(input.name);
      if (!constant) define(input.name, no_node);
      (constant ? graph_.value_infos : inputs).push_back(std::move(input));
    }
    graph_.inputs = std::move(inputs);
  }

  void define_outputs(int index) {
    const Node& node = graph_.nodes[static_cast<size_t>(index)];
    if (std::all_of(node.outputs.begin(), node.outputs.end(), [](const std::string& name) { return name.empty(); })) {
      throw user_error("the node has no outputs").at(describe(node));
    }
    for (const std::string& output : node.outputs)
      if (!output.empty()) define(output, index);
  }

  void read_inputs(int index) {
    Node& node = graph_.nodes[static_cast<size_t>(index)];
    std::string reader = describe(node);
    auto& needs = needs_.emplace_back();
    auto read = [&](const std::string& name, const std::string& first_reader) {
      auto found = definitions_.find(name);
      if (found == definitions_.end()) free_.emplace(name, first_reader);
      else if (found->second != no_node) needs.push_back(found->second);
    };
    for (const std::string& input : node.inputs)
      if (!input.empty()) read(input, reader);
    with_place(reader, [&] {
      if (node.opset == 0) {
        throw user_error("the operator domain '{}' has no version: the model imports no opset for it", node.domain)
            .hint("the tool that saved the model should list each domain in opset_import");
      }
      for (Attribute& attribute : node.attributes) check_attribute(attribute, read);
    });
  }

  template <class Read> void check_attribute(Attribute& attribute, Read& read) {
    if (!attribute.reference.empty()) {
      throw user_error("attribute '{}' refers to the attribute '{}' of a function, but the node is in no function", attribute.name,
                       attribute.reference);
    }
    auto check = [&](std::shared_ptr<Graph>& graph) {
      with_place(fmt::format("subgraph '{}'", attribute.name), [&] {
        for (const auto& [name, first_reader] : GraphChecker(*graph, false).run()) read(name, first_reader);
      });
    };
    if (auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.value)) check(*graph);
    else if (auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.value))
      std::for_each(graphs->begin(), graphs->end(), check);
  }

  void read_graph_outputs() {
    if (top_ && graph_.outputs.empty()) throw user_error("the graph has no outputs");
    std::unordered_set<std::string> seen;
    for (const Value& output : graph_.outputs) {
      if (output.name.empty()) throw user_error("an output of the graph has no name");
      if (top_ && !seen.insert(output.name).second) throw user_error("the graph has two outputs '{}'", output.name);
      if (!definitions_.contains(output.name)) free_.emplace(output.name, "the graph's outputs");
    }
  }

  // Keeps the file's order wherever it can: of the nodes that are ready, the first one in the file goes next.
  void sort() {
    size_t count = graph_.nodes.size();
    bool sorted = true;
    std::vector<std::vector<int>> readers(count);
    std::vector<size_t> missing(count);
    for (size_t i = 0; i < count; ++i) {
      auto& needs = needs_[i];
      std::sort(needs.begin(), needs.end());
      needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
      missing[i] = needs.size();
      for (int needed : needs) {
        readers[static_cast<size_t>(needed)].push_back(static_cast<int>(i));
        sorted = sorted && needed < static_cast<int>(i);
      }
    }
    if (sorted) return;
    std::priority_queue<int, std::vector<int>, std::greater<>> ready;
    for (size_t i = 0; i < count; ++i)
      if (missing[i] == 0) ready.push(static_cast<int>(i));
    std::vector<Node> nodes;
    nodes.reserve(count);
    std::vector<bool> done(count);
    std::vector<int> order;
    while (!ready.empty()) {
      int next = ready.top();
      ready.pop();
      done[static_cast<size_t>(next)] = true;
      order.push_back(next);
      for (int reader : readers[static_cast<size_t>(next)])
        if (--missing[static_cast<size_t>(reader)] == 0) ready.push(reader);
    }
    if (order.size() < count) throw cycle(done);
    for (int index : order) nodes.push_back(std::move(graph_.nodes[static_cast<size_t>(index)]));
    graph_.nodes = std::move(nodes);
  }

  // Every node that is not done needs another one that is not done, so following needs leads round.
  Error cycle(const std::vector<bool>& done) const {
    auto is_left = [&](int node) { return !done[static_cast<size_t>(node)]; };
    int node = static_cast<int>(std::find(done.begin(), done.end(), false) - done.begin());
    std::vector<int> path;
    for (auto seen = path.end(); (seen = std::find(path.begin(), path.end(), node)) == path.end();) {
      path.push_back(node);
      const auto& needs = needs_[static_cast<size_t>(node)];
      node = *std::find_if(needs.begin(), needs.end(), is_left);
    }
    std::string text = describe(graph_.nodes[static_cast<size_t>(node)]);
    size_t shown = 0, length = static_cast<size_t>(path.end() - std::find(path.begin(), path.end(), node));
    for (auto step = std::find(path.begin(), path.end(), node) + 1; step != path.end() && shown < 8; ++step, ++shown) {
      text += ", which reads from " + describe(graph_.nodes[static_cast<size_t>(*step)]);
    }
    return user_error("the nodes form a cycle of {}: {}{}", length, text,
                      shown + 1 < length ? ", and so on" : ", which reads from the first");
  }

  Graph& graph_;
  bool top_;
  std::unordered_map<std::string, int> definitions_;
  std::vector<std::vector<int>> needs_;
  FreeNames free_;
};

} // namespace

void check_graph(Model& model) {
  GraphChecker checker(model.graph, true);
  FreeNames undefined = checker.run();
  if (undefined.empty()) return;
  const auto& [name, reader] = *undefined.begin();
  Error error = user_error("'{}' is read, but no input, initializer or node defines it", name);
  error.at(reader);
  std::string similar = checker.similar_name(name);
  if (!similar.empty()) throw std::move(error).hint(fmt::format("did the tool that saved the model mean '{}'?", similar));
  throw error;
}

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/inline_functions.h"

#include "base/diagnostics.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace tw::onnx {
namespace {

// A function that calls another twice doubles it; a chain of thirty such functions in a tiny file would fill any memory.
constexpr size_t byte_limit = size_t{512} << 20;
constexpr int depth_limit = 100; // calls and subgraphs inside one another

using Key = std::tuple<std::string, std::string, std::string>; // domain, name, overload

template <class Visit> void for_graphs(std::vector<Attribute>& attributes, Visit&& visit) {
  for (Attribute& attribute : attributes) {
    if (auto* graph = std::get_if<std::shared_ptr<Graph>>(&attribute.value)) visit(*graph);
    else if (auto* graphs = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.value))
      for (auto& one : *graphs) visit(one);
  }
}

// Roughly what a copy of the node costs; subgraphs are counted node by node.
size_t cost(const Node& node) {
  size_t bytes = sizeof(Node) + node.name.size() + node.op_type.size() + node.domain.size();
  for (const auto& names : {&node.inputs, &node.outputs})
    for (const std::string& name : *names) bytes += sizeof(std::string) + name.size();
  for (const Attribute& attribute : node.attributes) {
    bytes += sizeof(Attribute) + attribute.name.size();
    if (auto* text = std::get_if<std::string>(&attribute.value)) bytes += text->size();
    if (auto* floats = std::get_if<std::vector<float>>(&attribute.value)) bytes += floats->size() * sizeof(float);
    if (auto* ints = std::get_if<std::vector<int64_t>>(&attribute.value)) bytes += ints->size() * sizeof(int64_t);
    if (auto* texts = std::get_if<std::vector<std::string>>(&attribute.value))
      for (const std::string& one : *texts) bytes += sizeof(std::string) + one.size();
    if (auto* tensors = std::get_if<std::vector<Tensor>>(&attribute.value)) bytes += tensors->size() * sizeof(Tensor);
  }
  return bytes;
}

// The names of a function's body and of its subgraphs, and what they are called in the model.
struct Scope {
  const Scope* outer = nullptr;
  std::unordered_map<std::string, std::string> names;

  const std::string* find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer)
      if (auto found = scope->names.find(name); found != scope->names.end()) return &found->second;
    return nullptr;
  }
};

class Inliner {
public:
  Inliner(Model& model, const std::vector<Function>& functions) : model_(model) {
    for (const Function& function : functions) {
      if (!functions_.emplace(Key{function.domain, function.name, function.overload}, &function).second) {
        throw user_error("{} is defined twice", describe(function));
      }
    }
  }

  void run() {
    collect_names(model_.graph);
    model_.graph.nodes = expand(std::move(model_.graph.nodes), 0);
  }

private:
  void collect_names(const Graph& graph) {
    for (const Value& input : graph.inputs) names_.insert(input.name);
    for (const Tensor& tensor : graph.initializers) names_.insert(tensor.name);
    for (const Node& node : graph.nodes) {
      names_.insert(node.inputs.begin(), node.inputs.end());
      names_.insert(node.outputs.begin(), node.outputs.end());
      for_graphs(const_cast<Node&>(node).attributes, [&](std::shared_ptr<Graph>& inner) { collect_names(*inner); });
    }
  }

  std::string fresh(const std::string& name) {
    std::string candidate = name;
    while (!names_.insert(candidate).second) candidate = fmt::format("{}_{}", name, ++counter_);
    return candidate;
  }

  void pay(size_t bytes) {
    spent_ += bytes;
    if (spent_ > byte_limit) {
      throw user_error("the model's functions expand to more than {} MiB of nodes", byte_limit >> 20)
          .hint("functions that call each other several times grow without bounds; save the model with its functions inlined");
    }
  }

  void check_depth(int depth) const {
    if (depth > depth_limit) throw user_error("functions and subgraphs nest more than {} deep", depth_limit);
  }

  const Function* find(const Node& node) const {
    auto found = functions_.find(Key{node.domain, node.op_type, node.overload});
    return found == functions_.end() ? nullptr : found->second;
  }

  std::vector<Node> expand(std::vector<Node> nodes, int depth) {
    check_depth(depth);
    std::vector<Node> out;
    out.reserve(nodes.size());
    for (Node& node : nodes) expand(std::move(node), out, depth);
    return out;
  }

  void expand(Node node, std::vector<Node>& out, int depth) {
    if (depth > 0) pay(cost(node));
    for_graphs(node.attributes, [&](std::shared_ptr<Graph>& graph) {
      auto copy = std::make_shared<Graph>(*graph);
      copy->nodes = expand(std::move(copy->nodes), depth + 1);
      graph = std::move(copy);
    });
    const Function* function = find(node);
    if (function == nullptr) {
      out.push_back(std::move(node));
      return;
    }
    std::string place = describe(node);
    with_place(place, [&] { call(*function, node, out, depth + 1); });
  }

  void call(const Function& function, const Node& node, std::vector<Node>& out, int depth) {
    check_depth(depth);
    check_call(function, node);
    stack_.push_back(&function);
    Scope scope;
    for (size_t i = 0; i < function.inputs.size(); ++i) scope.names[function.inputs[i]] = i < node.inputs.size() ? node.inputs[i] : "";
    std::string prefix = (node.name.empty() ? function.name : node.name) + "/";
    std::vector<std::pair<std::string, std::string>> passed_through; // an input that is an output: (given, wanted)
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      const std::string& formal = function.outputs[i];
      if (auto [found, added] = scope.names.emplace(formal, node.outputs[i]); !added)
        passed_through.emplace_back(found->second, node.outputs[i]);
    }
    define_outputs(function.nodes, scope, prefix);
    check_outputs(function, node);
    for (const Node& body_node : function.nodes) {
      Node copy = renamed(body_node, scope, prefix, function);
      resolve_references(copy, function, node);
      expand(std::move(copy), out, depth);
    }
    for (auto& [given, wanted] : passed_through) {
      out.push_back(
          Node{.name = prefix + "identity", .op_type = "Identity", .opset = identity_opset(), .inputs = {given}, .outputs = {wanted}});
    }
    stack_.pop_back();
  }

  void check_call(const Function& function, const Node& node) const {
    if (std::find(stack_.begin(), stack_.end(), &function) != stack_.end()) {
      std::string path;
      for (const Function* caller : stack_) path += describe(*caller) + " calls ";
      throw user_error("recursive functions are not allowed: {}{}", path, describe(function));
    }
    if (node.inputs.size() > function.inputs.size()) {
      throw user_error("{} has {} inputs, but the call gives {}", describe(function), function.inputs.size(), node.inputs.size());
    }
    if (node.outputs.size() > function.outputs.size()) {
      throw user_error("{} has {} outputs, but the call wants {}", describe(function), function.outputs.size(), node.outputs.size());
    }
  }

  static void check_outputs(const Function& function, const Node& node) {
    std::unordered_set<std::string> defined(function.inputs.begin(), function.inputs.end());
    for (const Node& body_node : function.nodes) defined.insert(body_node.outputs.begin(), body_node.outputs.end());
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (!defined.contains(function.outputs[i]))
        throw user_error("{} never computes its output '{}'", describe(function), function.outputs[i]);
  }

  int64_t identity_opset() const {
    auto found = model_.opset_imports.find("");
    return found == model_.opset_imports.end() ? 1 : found->second;
  }

  // Names all that the nodes define before any is renamed: order is checked later, for the whole model.
  void define_outputs(const std::vector<Node>& nodes, Scope& scope, const std::string& prefix) {
    for (const Node& node : nodes)
      for (const std::string& output : node.outputs)
        if (!output.empty() && !scope.names.contains(output)) scope.names[output] = fresh(prefix + output);
  }

  Node renamed(const Node& node, const Scope& scope, const std::string& prefix, const Function& function) {
    pay(cost(node));
    Node copy = node;
    if (!copy.name.empty()) copy.name = prefix + copy.name;
    for (auto* names : {&copy.inputs, &copy.outputs})
      for (std::string& name : *names) {
        if (name.empty()) continue;
        const std::string* found = scope.find(name);
        if (found == nullptr) {
          throw user_error("'{}' is read, but nothing in {} defines it", name, describe(function)).at(describe(node));
        }
        name = *found;
      }
    for_graphs(copy.attributes, [&](std::shared_ptr<Graph>& graph) { graph = renamed(*graph, scope, prefix, function); });
    return copy;
  }

  std::shared_ptr<Graph> renamed(const Graph& graph, const Scope& outer, const std::string& prefix, const Function& function) {
    auto copy = std::make_shared<Graph>(graph);
    Scope scope{.outer = &outer};
    for (Value& input : copy->inputs) input.name = scope.names.emplace(input.name, fresh(prefix + input.name)).first->second;
    for (Tensor& tensor : copy->initializers) tensor.name = scope.names.emplace(tensor.name, fresh(prefix + tensor.name)).first->second;
    define_outputs(graph.nodes, scope, prefix);
    for (Node& node : copy->nodes) node = renamed(node, scope, prefix, function);
    for (Value& output : copy->outputs)
      if (const std::string* found = scope.find(output.name)) output.name = *found;
    std::erase_if(copy->value_infos, [&](Value& info) {
      const std::string* found = scope.find(info.name);
      if (found != nullptr) info.name = *found;
      return found == nullptr;
    });
    return copy;
  }

  // Attributes that name an attribute of the function take the call's value, the function's default, or are left out.
  void resolve_references(Node& node, const Function& function, const Node& call) {
    for_graphs(node.attributes, [&](std::shared_ptr<Graph>& graph) {
      for (Node& inner : graph->nodes) resolve_references(inner, function, call);
    });
    std::erase_if(node.attributes, [&](Attribute& attribute) {
      if (attribute.reference.empty()) return false;
      for (const auto& values : {&call.attributes, &function.attribute_defaults})
        for (const Attribute& given : *values)
          if (given.name == attribute.reference) {
            attribute.value = given.value;
            attribute.reference.clear();
            return false;
          }
      const auto& known = function.attributes;
      if (std::find(known.begin(), known.end(), attribute.reference) == known.end()) {
        throw user_error("attribute '{}' refers to '{}', which is no attribute of {}", attribute.name, attribute.reference,
                         describe(function))
            .at(describe(node));
      }
      return true;
    });
  }

  Model& model_;
  std::map<Key, const Function*> functions_;
  std::unordered_set<std::string> names_;
  std::vector<const Function*> stack_;
  int64_t counter_ = 0;
  size_t spent_ = 0;
};

} // namespace

std::string describe(const Function& function) {
  std::string name = function.domain.empty() ? function.name : function.domain + "." + function.name;
  return function.overload.empty() ? fmt::format("function '{}'", name) : fmt::format("function '{}:{}'", name, function.overload);
}

void inline_functions(Model& model, const std::vector<Function>& functions) {
  if (!functions.empty()) Inliner(model, functions).run();
}

} // namespace tw::onnx

// SPDX-License-Identifier: Apache-2.0
// Tree ensembles of ai.onnx.ml. The model lists nodes and leaf entries of all trees in parallel arrays, keyed by (tree, node); here they
// are numbered, so that the operator finds a node's children and a leaf's entries by index.
#include "ops/trees.h"
#include "frontends/onnx/operators/operators.h"
#include "frontends/onnx/tensor.h"

#include <algorithm>
#include <map>
#include <set>

namespace tw::onnx {
namespace {

using Key = std::pair<int64_t, int64_t>; // tree, node

std::string refuse_ensemble(const Node& node) {
  if (has_attribute(node, "classlabels_strings") && !attribute_strings(node, "classlabels_strings", {}).empty())
    return "class labels that are strings";
  std::string transform = attribute_string(node, "post_transform", "NONE");
  for (const char* known : {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"})
    if (transform == known) return transform == "PROBIT" ? "post_transform PROBIT" : "";
  return fmt::format("post_transform '{}'", transform);
}

// Numbers are a list of floats or, for doubles, a tensor.
std::vector<double> numbers(const NodeContext& c, const std::string& name) {
  if (c.has_attribute((name + "_as_tensor").c_str())) return float_values(attribute_tensor(c.node, name + "_as_tensor"));
  std::vector<float> values = attribute_floats(c.node, name, {});
  return {values.begin(), values.end()};
}
bool is_double(const NodeContext& c, const std::string& prefix) {
  std::string name = prefix + "_as_tensor";
  return c.has_attribute(name.c_str()) && attribute_tensor(c.node, name).element == ElementType::float64;
}

class Ensemble {
public:
  Ensemble(NodeContext& c, const std::string& entries, const char* ids, const char* weights)
      : c_(c), tree_(attribute_ints(c.node, "nodes_treeids")), node_(attribute_ints(c.node, "nodes_nodeids")),
        type_(is_double(c, "nodes_values") || is_double(c, weights) || c.element(0) == f64 ? f64 : f32) {
    read_nodes();
    read_entries(attribute_ints(c.node, entries + "_treeids"), attribute_ints(c.node, entries + "_nodeids"), attribute_ints(c.node, ids),
                 numbers(c, weights));
  }
  // The sum for each sample and target.
  Ref<Operand> scores(int64_t targets, const std::string& aggregate, const std::vector<double>& base) {
    if (!base.empty() && static_cast<int64_t>(base.size()) != targets)
      throw user_error("base_values must have {} values, found {}", targets, base.size());
    Opt<Operand> offset;
    if (!base.empty()) offset = vector(base);
    Ref<Operand> x = c_.input(0);
    if (NodeContext::rank(x) == 1) x = c_.unsqueeze(x, {0});
    std::set<int64_t> modes(mode_.begin(), mode_.end());
    modes.erase(0); // leaves
    bool mixed = modes.size() > 1, misses = std::any_of(missing_.begin(), missing_.end(), [](int64_t flag) { return flag != 0; });
    Name comparison = mixed ? "mixed" : modes.empty() ? "le" : ops::tree_comparisons[static_cast<size_t>(*modes.begin())];
    bool single = targets == 1 && (aggregate == "sum" || aggregate == "average") && give_nodes_weights();
    auto unless_single = [&](const std::vector<int64_t>& values) { return single ? Opt<Operand>() : Opt<Operand>(ints(values)); };
    return c_.call("tree_ensemble",
                   {x, table(roots_), table(feature_), vector(threshold_), table(children_), unless_single(begin_), unless_single(end_),
                    unless_single(target_), vector(weight_), mixed ? Opt<Operand>(table(mode_)) : Opt<Operand>(),
                    misses ? Opt<Operand>(table(missing_)) : Opt<Operand>(), offset},
                   {{"targets", targets}, {"levels", levels()}, {"aggregate", Name(aggregate)}, {"comparison", comparison}});
  }
  const std::vector<int64_t>& targets() const { return target_; }
  // All entries count for one and the same target.
  void join_targets() { std::fill(target_.begin(), target_.end(), 0); }
  const std::vector<double>& weights() const { return weight_; }

private:
  template <class T> void check_length(const std::vector<T>& values, const std::string& name) const {
    if (values.size() != node_.size()) throw user_error("attribute '{}' must have {} values, found {}", name, node_.size(), values.size());
  }
  int64_t number_of(int64_t tree, int64_t node) const {
    auto found = numbers_.find({tree, node});
    if (found == numbers_.end()) throw user_error("tree {} has no node {}", tree, node);
    return found->second;
  }
  void read_nodes();
  void read_entries(const std::vector<int64_t>& trees, const std::vector<int64_t>& nodes, const std::vector<int64_t>& ids,
                    const std::vector<double>& weights);
  Ref<Operand> ints(const std::vector<int64_t>& values) { return c_.body.ints(values); }
  Ref<Operand> vector(const std::vector<double>& values) {
    interpreter::Array array = interpreter::Array::of(type_, {static_cast<int64_t>(values.size())}, values);
    return array.constant();
  }
  // Of 32 bits.
  static Ref<Operand> table(const std::vector<int64_t>& values) {
    return interpreter::Array::of(i32, {static_cast<int64_t>(values.size())}, std::vector<double>(values.begin(), values.end())).constant();
  }
  int64_t levels() const;
  // Where no leaf has several entries: weights are those of nodes.
  bool give_nodes_weights();

  NodeContext& c_;
  std::vector<int64_t> tree_, node_;
  DType type_;
  std::map<Key, int64_t> numbers_;
  std::vector<int64_t> roots_, feature_, mode_, children_, missing_, begin_, end_, target_;
  std::vector<double> threshold_, weight_;
};

int64_t mode_number(const std::string& mode) {
  const char* const names[] = {"LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
  for (int64_t i = 0; i < 7; ++i)
    if (mode == names[i]) return i;
  throw user_error("unknown mode '{}' of a tree's node", mode);
}

void Ensemble::read_nodes() {
  check_length(tree_, "nodes_treeids");
  for (size_t i = 0; i < node_.size(); ++i)
    if (!numbers_.emplace(Key(tree_[i], node_[i]), static_cast<int64_t>(i)).second)
      throw user_error("tree {} has node {} twice", tree_[i], node_[i]);
  feature_ = attribute_ints(c_.node, "nodes_featureids");
  threshold_ = numbers(c_, "nodes_values");
  missing_ = attribute_ints(c_.node, "nodes_missing_value_tracks_true", {});
  if (missing_.empty()) missing_.assign(node_.size(), 0);
  std::vector<int64_t> yes = attribute_ints(c_.node, "nodes_truenodeids"), no = attribute_ints(c_.node, "nodes_falsenodeids");
  std::vector<std::string> modes = attribute_strings(c_.node, "nodes_modes");
  check_length(feature_, "nodes_featureids");
  check_length(threshold_, "nodes_values");
  check_length(missing_, "nodes_missing_value_tracks_true");
  check_length(yes, "nodes_truenodeids");
  check_length(no, "nodes_falsenodeids");
  check_length(modes, "nodes_modes");
  std::vector<bool> is_child(node_.size(), false);
  for (size_t i = 0; i < node_.size(); ++i) {
    mode_.push_back(mode_number(modes[i]));
    bool leaf = mode_[i] == 0;
    for (int64_t child : {yes[i], no[i]}) {
      children_.push_back(leaf ? static_cast<int64_t>(i) : number_of(tree_[i], child)); // a leaf stays where it is
      if (!leaf) is_child[static_cast<size_t>(children_.back())] = true;
    }
  }
  for (size_t i = 0; i < node_.size(); ++i)
    if (!is_child[i]) roots_.push_back(static_cast<int64_t>(i));
}

bool Ensemble::give_nodes_weights() {
  if (!std::all_of(target_.begin(), target_.end(), [](int64_t t) { return t == 0; })) return false;
  std::vector<double> of_node(node_.size(), 0);
  for (size_t n = 0; n < node_.size(); ++n) {
    if (end_[n] - begin_[n] > 1) return false;
    if (end_[n] > begin_[n]) of_node[n] = weight_[static_cast<size_t>(begin_[n])];
  }
  weight_ = std::move(of_node);
  return true;
}

// The most steps from a root to a leaf.
int64_t Ensemble::levels() const {
  std::set<int64_t> here(roots_.begin(), roots_.end());
  for (int64_t steps = 0;; ++steps) {
    std::set<int64_t> below;
    for (int64_t n : here)
      if (mode_[static_cast<size_t>(n)] != 0)
        for (size_t side : {0, 1}) below.insert(children_[2 * static_cast<size_t>(n) + side]);
    if (below.empty()) return steps;
    if (steps > static_cast<int64_t>(node_.size()))
      throw user_error("tree {} has no end: its node {} leads back to itself", tree_[static_cast<size_t>(*below.begin())],
                       node_[static_cast<size_t>(*below.begin())]);
    here = std::move(below);
  }
}

// Entries of one leaf are brought together.
void Ensemble::read_entries(const std::vector<int64_t>& trees, const std::vector<int64_t>& nodes, const std::vector<int64_t>& ids,
                            const std::vector<double>& weights) {
  if (nodes.size() != trees.size() || ids.size() != trees.size() || weights.size() != trees.size())
    throw user_error("the leaves' attributes must have as many values, found {} trees, {} nodes, {} targets, {} weights", trees.size(),
                     nodes.size(), ids.size(), weights.size());
  std::vector<std::vector<size_t>> of_node(node_.size());
  for (size_t e = 0; e < trees.size(); ++e) of_node[static_cast<size_t>(number_of(trees[e], nodes[e]))].push_back(e);
  for (const auto& entries : of_node) {
    begin_.push_back(static_cast<int64_t>(target_.size()));
    for (size_t e : entries) {
      target_.push_back(ids[e]);
      weight_.push_back(weights[e]);
    }
    end_.push_back(static_cast<int64_t>(target_.size()));
  }
}

Ref<Operand> post_transform(NodeContext& c, const Ref<Operand>& scores) {
  std::string name = c.attribute_string("post_transform", "NONE");
  if (name == "NONE") return scores;
  if (name == "LOGISTIC") return c.call("sigmoid", {scores});
  if (name == "SOFTMAX") return c.call("softmax", {scores}, {{"axis", int64_t{1}}});
  // Scores that are zero stay zero and do not count.
  DType type = NodeContext::type(scores)->element;
  Ref<Operand> zero = c.scalar(0, type), is_zero = c.call("equal", {scores, zero});
  Ref<Operand> others = c.call("where", {is_zero, c.scalar(-std::numeric_limits<double>::infinity(), type), scores});
  return c.call("where", {is_zero, zero, c.call("softmax", {others}, {{"axis", int64_t{1}}})});
}

Results regressor(NodeContext& c) {
  Ensemble ensemble(c, "target", "target_ids", "target_weights");
  std::string aggregate = c.attribute_string("aggregate_function", "SUM");
  for (char& letter : aggregate) letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
  Ref<Operand> y = ensemble.scores(c.attribute_int("n_targets", 1), aggregate, numbers(c, "base_values"));
  return {c.cast(post_transform(c, y), f32)};
}

// Two classes of which only one has weights: the score of the other one is what is left.
Results binary_classifier(NodeContext& c, Ensemble& ensemble, const std::vector<int64_t>& labels) {
  std::vector<double> base = numbers(c, "base_values");
  std::vector<double> own = base.size() == 2 ? std::vector<double>{base[1]} : base;
  ensemble.join_targets();
  Ref<Operand> score = ensemble.scores(1, "sum", own); // (samples, 1)
  DType type = NodeContext::type(score)->element;
  bool positive = std::all_of(ensemble.weights().begin(), ensemble.weights().end(), [](double w) { return w >= 0; });
  Ref<Operand> hit = c.squeeze(c.call("greater", {score, c.scalar(positive ? 0.5 : 0, type)}), {1});
  Ref<Operand> label = c.call("where", {hit, c.scalar(static_cast<double>(labels[1]), i64), c.scalar(static_cast<double>(labels[0]), i64)});
  Ref<Operand> other = positive ? c.call("sub", {c.scalar(1, type), score}) : c.call("neg", {score});
  Ref<Operand> both = c.call("concat", {other, score}, {{"axis", int64_t{1}}});
  std::string transform = c.attribute_string("post_transform", "NONE");
  bool apply = transform != "NONE" && (!positive || transform != "LOGISTIC");
  return {label, c.cast(apply ? post_transform(c, both) : both, f32)};
}

Results classifier(NodeContext& c) {
  std::vector<int64_t> labels = attribute_ints(c.node, "classlabels_int64s");
  if (labels.empty()) throw user_error("attribute 'classlabels_int64s' must name at least one class");
  Ensemble ensemble(c, "class", "class_ids", "class_weights");
  std::set<int64_t> classes(ensemble.targets().begin(), ensemble.targets().end());
  if (labels.size() == 2 && classes.size() == 1) return binary_classifier(c, ensemble, labels);
  Ref<Operand> y = ensemble.scores(static_cast<int64_t>(labels.size()), "sum", numbers(c, "base_values"));
  Ref<Operand> best = c.call("arg_max", {y}, {{"axis", int64_t{1}}, {"keepdims", false}});
  return {c.call("gather", {c.body.ints(labels), best}), c.cast(post_transform(c, y), f32)};
}

constexpr OperatorRow rows[] = {
    {"TreeEnsembleClassifier", classifier, refuse_ensemble},
    {"TreeEnsembleRegressor", regressor, refuse_ensemble},
};

} // namespace

OperatorTable tree_operators() { return {"ai.onnx.ml", rows}; }

} // namespace tw::onnx

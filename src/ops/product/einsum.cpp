// SPDX-License-Identifier: Apache-2.0
#include "ops/einsum.h"
#include "ops/elementwise.h"
#include "ops/sizes.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace tw::ops {

namespace {
struct Einsum {
  Name equation;
  static constexpr auto fields = std::tuple{field("equation", &Einsum::equation)};
};

// Labels of each input and of the result; the dimensions of an ellipsis have the labels 0, 1, … counted from the right.
struct Plan {
  std::vector<std::vector<int>> inputs;
  std::vector<int> result, summed;
  std::map<int, Ref<Expr>> sizes;
};

std::vector<int> labels_of(std::string_view term, size_t ellipsis) {
  std::vector<int> out;
  for (size_t at = 0; at < term.size(); ++at) {
    if (term.substr(at, 3) == "...") {
      for (size_t d = ellipsis; d-- > 0;) out.push_back(static_cast<int>(d));
      at += 2;
    } else if (std::isalpha(static_cast<unsigned char>(term[at]))) {
      out.push_back(term[at]);
    } else {
      throw user_error("an equation has letters, commas, '->' and '...', found '{}'", term[at]);
    }
  }
  return out;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out{""};
  for (char c : text) {
    if (c == ',') out.emplace_back();
    else out.back() += c;
  }
  return out;
}

// Without an arrow: the ellipsis, then the letters that occur once, in alphabetical order.
std::string implicit_result(const std::string& terms) {
  std::string out = terms.find("...") == std::string::npos ? "" : "...";
  for (char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    if (std::count(terms.begin(), terms.end(), c) == 1) out += c;
  return out;
}

Plan plan_of(const Einsum& a, const std::vector<Shape>& shapes, TypeContext* context) {
  auto [terms, right] = einsum_terms(a.equation.str());
  if (terms.size() != shapes.size())
    throw user_error("the equation '{}' names {} inputs, found {}", a.equation.str(), terms.size(), shapes.size());
  Plan plan;
  size_t widest = 0;
  for (size_t k = 0; k < terms.size(); ++k) {
    bool dots = terms[k].find("...") != std::string::npos;
    size_t letters = terms[k].size() - (dots ? 3 : 0);
    if (letters > shapes[k].size() || (!dots && letters != shapes[k].size()))
      throw user_error("'{}' in the equation does not fit an input of rank {}", terms[k], shapes[k].size());
    size_t ellipsis = shapes[k].size() - letters;
    widest = std::max(widest, dots ? ellipsis : 0);
    plan.inputs.push_back(labels_of(terms[k], ellipsis));
    for (size_t d = 0; d < shapes[k].size(); ++d) {
      auto [entry, fresh] = plan.sizes.emplace(plan.inputs[k].at(d), shapes[k][d]);
      if (fresh || is_one(shapes[k][d])) continue;
      if (is_one(entry->second)) entry->second = shapes[k][d];
      else if (context) entry->second = context->same(entry->second, shapes[k][d], "sizes of one letter");
      else if (as_int(shapes[k][d])) entry->second = shapes[k][d];
    }
  }
  plan.result = labels_of(right, widest);
  for (size_t i = 0; i < plan.result.size(); ++i) {
    if (!plan.sizes.count(plan.result[i])) throw user_error("the result '{}' has a letter that no input has", right);
    if (std::count(plan.result.begin(), plan.result.end(), plan.result[i]) != 1)
      throw user_error("the result '{}' names a letter twice", right);
  }
  for (const auto& [label, size] : plan.sizes)
    if (std::find(plan.result.begin(), plan.result.end(), label) == plan.result.end()) plan.summed.push_back(label);
  return plan;
}

Types types(TypeContext& c) {
  std::vector<Shape> shapes;
  for (size_t k = 0; k < c.count(); ++k) {
    shapes.push_back(c.shape(k));
    if (c.element(k) != c.element(0))
      throw user_error("inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(k)));
  }
  if (shapes.empty()) throw user_error("expected at least one input");
  Plan plan = plan_of(c.attrs<Einsum>(), shapes, &c);
  std::vector<Ref<Expr>> shape;
  for (int label : plan.result) shape.push_back(plan.sizes.at(label));
  return {tensor_type(Shape(std::move(shape)), c.element(0))};
}

void compute(Compute& c) {
  std::vector<Shape> shapes;
  for (size_t k = 0; k < c.input_count(); ++k) shapes.push_back(c.input(k).shape());
  Plan plan = plan_of(c.attrs<Einsum>(), shapes, nullptr);
  std::vector<Ref<Expr>> extents;
  for (int label : plan.summed) extents.push_back(plan.sizes.at(label));
  DType element = c.input(0).element(), type = computation_type(element);
  auto fold = [&](const Indices& i, const Indices& r) {
    std::map<int, Ref<Expr>> index;
    for (size_t d = 0; d < plan.result.size(); ++d) index.emplace(plan.result[d], i[d]);
    for (size_t d = 0; d < plan.summed.size(); ++d) index.emplace(plan.summed[d], r[d]);
    Opt<Expr> product;
    for (size_t k = 0; k < shapes.size(); ++k) {
      Indices at;
      for (size_t d = 0; d < shapes[k].size(); ++d) at.push_back(is_one(shapes[k][d]) ? imm(0) : index.at(plan.inputs[k][d]));
      Ref<Expr> value = widen(c.input(k)(at));
      product = product ? as_ref<Expr>(product) * value : value;
    }
    return as_ref<Expr>(product);
  };
  if (type == element) return c.reduce_output(0, Combine::add, Shape(extents), fold);
  Tensor product = c.reduce("product", c.output(0).shape(), type, Combine::add, Shape(extents), fold);
  c.output(0, [&](Indices i) { return cast(element, product(i)); });
}
} // namespace

EinsumTerms einsum_terms(std::string equation) {
  std::erase(equation, ' ');
  size_t arrow = equation.find("->");
  std::string left = equation.substr(0, arrow);
  return {split_at_commas(left), arrow == std::string::npos ? implicit_result(left) : equation.substr(arrow + 2)};
}

extern const OpDef einsum = define<Einsum>(
    {.doc = "the sum of products that an equation says: a letter for each dimension of each input, after '->' those of the result; letters "
            "that are not in the result are summed over; '...' stands for dimensions that broadcast",
     .inputs = std::vector<std::string>{"values*: number"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .compute = compute,
     .examples = {"einsum([[1, 2], [3, 4]], [[1, 0], [0, 2]], equation=\"ij,jk->ik\") == [[1, 4], [3, 8]]",
                  "einsum([[1, 2], [3, 4]], equation=\"ii->i\") == [1, 4]",
                  "einsum([[1, 2], [3, 4]], equation=\"ij->ji\") == [[1, 3], [2, 4]]", "einsum([1, 2], [3, 4], equation=\"i,i\") == 11",
                  "einsum([[[1, 2]]], [[3], [4]], equation=\"...ij,jk\") == [[[11]]]"}});

} // namespace tw::ops

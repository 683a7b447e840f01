// SPDX-License-Identifier: Apache-2.0
#include "passes/golden.h"

#include "interpreter/interpret.h"
#include "ops/op.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

namespace tw::test {

using interpreter::Array;

std::vector<GoldenCase> read_cases(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<GoldenCase> cases;
  GoldenCase current;
  bool second = false;
  int number = 0;
  auto finish = [&] {
    if (!current.before.empty()) cases.push_back(current);
    current = {};
    second = false;
  };
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line == "===") finish();
    else if (line == "---") second = true;
    else if (line.starts_with("#") && !second) current.sentence += line.substr(1);
    else {
      if (current.before.empty() && !line.empty()) current.line = number;
      if (!line.empty() || !(second ? current.after : current.before).empty()) (second ? current.after : current.before) += line + "\n";
    }
  }
  finish();
  return cases;
}

Ref<Module> module_of(const std::string& text) {
  Scope scope;
  scope.result_types = [](const Operation& operation) {
    std::vector<Ref<Type>> types;
    if (const auto* call = as<OpCall>(&operation)) {
      for (const auto& type : ops::infer_types(*call)) types.push_back(type);
    } else if (const auto* branch = as<Branch>(&operation)) {
      for (const auto& result : branch->then->results) types.push_back(type_of(result.node()));
    }
    return types;
  };
  return parse("# tensorwright 1\nfrom __future__ import annotations\nfrom tensorwright.text import *\n\n" + text, {}, scope);
}

passes::PassContext context_for_tests() {
  static const Target target = parse_target("x86-64-v3");
  return passes::PassContext{.target = target};
}

namespace {
// Small whole numbers for integers, else values around zero with some of exactly zero.
Array random_input(const TensorType& type, std::mt19937& rng) {
  std::vector<int64_t> shape;
  int64_t count = 1;
  for (const auto& size : type.shape) {
    shape.push_back(as_int(size).value_or(3));
    count *= shape.back();
  }
  std::vector<double> values;
  std::normal_distribution<double> normal;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(type.element.is_float() ? normal(rng) : static_cast<double>(rng() % (type.element.is_bool() ? 2 : 5)));
  return Array::of(type.element, std::move(shape), values);
}
} // namespace

double difference(const Ref<Module>& before, const Ref<Module>& after, unsigned seed) {
  std::mt19937 rng(seed);
  const auto& function = *as<Function>(passes::find_callable(before, "main"));
  std::vector<Array> inputs;
  for (const auto& parameter : function.body->params) inputs.push_back(random_input(*as<TensorType>(parameter->type), rng));
  auto expected = interpreter::interpret(before, "main", inputs), found = interpreter::interpret(after, "main", inputs);
  EXPECT_EQ(expected.size(), found.size());
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(expected[i].shape, found[i].shape);
    EXPECT_EQ(expected[i].dtype, found[i].dtype);
    if (expected[i].shape != found[i].shape) return INFINITY;
    double largest = 1e-30, error = 0;
    for (int64_t k = 0; k < expected[i].count(); ++k) {
      double a = expected[i].number(k), b = found[i].number(k);
      if (std::isnan(a) && std::isnan(b)) continue;
      if (std::isnan(a) != std::isnan(b)) return INFINITY;
      if (a == b) continue;
      largest = std::max(largest, std::abs(a));
      error = std::max(error, std::abs(a - b));
    }
    if (error > 0) worst = std::max(worst, error / largest);
  }
  return worst;
}

void check_case(const passes::Pass& pass, const GoldenCase& golden) {
  SCOPED_TRACE("line " + std::to_string(golden.line) + ":" + golden.sentence);
  try {
    passes::PassContext context = context_for_tests();
    Ref<Module> before = module_of(golden.before);
    Ref<Module> after = passes::run(pass, before, context);
    if (golden.after.empty()) {
      EXPECT_TRUE(equal(before, after)) << to_text(after);
      return;
    }
    Ref<Module> wanted = module_of(golden.after);
    EXPECT_TRUE(equal(wanted, after)) << "found\n" << to_text(after) << "wanted\n" << to_text(wanted);
    Ref<Module> again = passes::run(pass, after, context);
    EXPECT_TRUE(equal(after, again)) << "a second time it makes\n" << to_text(again);
    for (unsigned seed = 1; seed <= 3; ++seed) EXPECT_LE(difference(before, after, seed), 2e-5);
  } catch (const Error& error) { ADD_FAILURE() << error.what(); }
}

} // namespace tw::test

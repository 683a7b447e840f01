// SPDX-License-Identifier: Apache-2.0
// Random expressions against an independent evaluator: what the analyzer claims must hold at every point.
#include "arith/analyzer.h"
#include "evaluate.h"

#include <gtest/gtest.h>

#include <random>

namespace tw {
namespace {

using testing::evaluate;
using testing::show;

class Source {
public:
  explicit Source(uint32_t seed) : random_(seed) {}
  int64_t number(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  // Variables with small ranges of every sign; some are loops whose extent is another variable.
  void variables(DType type, arith::Analyzer& analyzer) {
    for (int i = 0; i < 4; ++i) {
      int64_t low = type.is_unsigned() ? number(0, 4) : number(-4, 4), high = low + number(0, type == i64 ? 12 : 30);
      if (type != i64 && number(0, 2) == 0) low = min_value(type), high = max_value(type);
      int64_t multiple = number(0, 4) == 0 && low >= 0 ? number(2, 4) : 1;
      Ref<Expr> v =
          make(Var{.id = std::string(1, static_cast<char>('a' + i)), .type = type, .min = low, .max = high, .multiple = multiple});
      if (number(0, 1)) {
        v = make(Var{.id = std::string(1, static_cast<char>('a' + i)), .type = type});
        multiple = 1;
        int64_t symbol = i && number(0, 1) && type == i64 ? number(0, i - 1) : -1;
        if (symbol >= 0) {
          analyzer.bind(as_ref<Var>(v), imm(0), vars[static_cast<size_t>(symbol)].expr);
          vars.push_back({v, 0, 0, 1, symbol});
          continue;
        }
        analyzer.bind(as_ref<Var>(v), imm(low, type), imm(high - low + 1, type));
        if (type != i64 && wrapped(high - low + 1, type)) low = min_value(type), high = max_value(type);
      }
      vars.push_back({v, low, high, multiple, -1});
    }
  }
  // Empty: no such point (an empty loop).
  std::optional<testing::Point> point() {
    testing::Point p;
    for (const auto& v : vars) {
      int64_t low = v.low, high = v.symbol >= 0 ? p[vars[static_cast<size_t>(v.symbol)].expr.node()] - 1 : v.high;
      if (low > high) return {};
      int64_t value = number(low, high);
      value -= ((value % v.multiple) + v.multiple) % v.multiple;
      if (value < low) value += v.multiple;
      if (value > high) return {};
      p[v.expr.node()] = value;
    }
    return p;
  }
  Ref<Expr> leaf(DType type) {
    if (number(0, 2) == 0) return imm(number(type.is_unsigned() ? 0 : -8, 17), type);
    return vars[static_cast<size_t>(number(0, 3))].expr;
  }
  Ref<Expr> integer(DType type, int depth) {
    if (depth == 0) return leaf(type);
    auto sub = [&] { return integer(type, depth - 1); };
    switch (number(0, 14)) {
    case 0:
    case 1:
    case 2: return raw(BinaryOp::add, sub(), sub());
    case 3:
    case 4: return raw(BinaryOp::sub, sub(), sub());
    case 5: return raw(BinaryOp::mul, sub(), imm(number(type.is_unsigned() ? 0 : -6, 9), type));
    case 6: return raw(BinaryOp::mul, sub(), number(0, 1) ? sub() : leaf(type));
    case 7: return raw(BinaryOp::floordiv, sub(), divisor(type, depth));
    case 8: return raw(BinaryOp::floormod, sub(), divisor(type, depth));
    case 9: return raw(number(0, 1) ? BinaryOp::min : BinaryOp::max, sub(), sub());
    case 10: return make(Select{.cond = truth(type, depth - 1), .a = sub(), .b = sub()});
    case 11: return quotients(type, depth);
    case 12:
      if (type != i64 && number(0, 1)) return make(Cast{.to = type, .value = make(Cast{.to = number(0, 1) ? i64 : i16, .value = sub()})});
      return make(Unary{.op = UnaryOp::neg, .a = sub()});
    case 13: return number(0, 3) ? leaf(type) : raw(number(0, 1) ? BinaryOp::bit_and : BinaryOp::bit_xor, sub(), sub());
    default: return leaf(type);
    }
  }
  Ref<Expr> truth(DType type, int depth) {
    auto number_of = [&] { return integer(type, std::max(depth - 1, 0)); };
    if (depth > 1 && number(0, 2) == 0) {
      if (number(0, 3) == 0) return make(Unary{.op = UnaryOp::logical_not, .a = truth(type, depth - 1)});
      return make(Binary{
          .op = number(0, 1) ? BinaryOp::logical_and : BinaryOp::logical_or, .a = truth(type, depth - 1), .b = truth(type, depth - 1)});
    }
    return raw(static_cast<BinaryOp>(number(static_cast<int>(BinaryOp::eq), static_cast<int>(BinaryOp::ge))), number_of(), number_of());
  }

private:
  struct Known {
    Ref<Expr> expr;
    int64_t low, high, multiple, symbol;
  };
  static bool wrapped(int64_t v, DType type) { return v != testing::wrap(v, type); }
  Ref<Expr> raw(BinaryOp op, const Ref<Expr>& a, const Ref<Expr>& b) { return make(Binary{.op = op, .a = a, .b = b}); }
  Ref<Expr> divisor(DType type, int depth) {
    if (number(0, 4) == 0) return integer(type, depth - 1);
    int64_t d = number(type.is_unsigned() ? 1 : -5, 12);
    return imm(d ? d : 16, type);
  }
  // The shape that splitting and fusing loops leaves: x // c * c + x % c and its like.
  Ref<Expr> quotients(DType type, int depth) {
    Ref<Expr> x = integer(type, depth - 1), c = divisor(type, 1);
    Ref<Expr> q = raw(BinaryOp::floordiv, x, c), r = raw(BinaryOp::floormod, x, c);
    return raw(BinaryOp::add, raw(BinaryOp::mul, q, c), number(0, 3) ? r : x);
  }
  std::mt19937 random_;

public:
  std::vector<Known> vars;
};

void check(DType type, uint32_t first, uint32_t count) {
  int compared = 0, proven = 0;
  for (uint32_t seed = first; seed < first + count; ++seed) {
    Source source(seed);
    arith::Analyzer analyzer;
    source.variables(type, analyzer);
    int depth = static_cast<int>(source.number(1, 4));
    Ref<Expr> e = source.integer(type, depth), condition = source.truth(type, depth);
    Ref<Expr> assumption = source.truth(type, 2);
    bool assuming = source.number(0, 2) == 0;
    std::optional<arith::Analyzer::Scope> scope;
    if (assuming) scope.emplace(analyzer.assume(assumption));
    Ref<Expr> simple = analyzer.simplify(e), truth = analyzer.simplify(condition);
    arith::Bounds bounds = analyzer.bounds(e);
    int64_t multiple = analyzer.multiple_of(e);
    bool always = analyzer.prove(condition);
    proven += always;
    ASSERT_TRUE(equal(analyzer.simplify(e), simple)) << seed;
    for (int i = 0; i < 40; ++i) {
      auto p = source.point();
      if (!p || (assuming && evaluate(assumption.node(), *p) != 1)) continue;
      auto value = evaluate(e.node(), *p), fact = evaluate(condition.node(), *p);
      std::string where = fmt::format("seed {} of {}{}", seed, to_string(type), assuming ? " assuming " + show(assumption) : "");
      for (const auto& v : source.vars) where += fmt::format(", {}={}", show(v.expr), p->at(v.expr.node()));
      if (value) {
        ++compared;
        ASSERT_EQ(value, evaluate(simple.node(), *p)) << where << "\n" << show(e) << "\n" << show(simple);
        ASSERT_TRUE(*value >= bounds.min && *value <= bounds.max)
            << where << "\n"
            << show(e) << " = " << *value << " not in " << bounds.min << ".." << bounds.max;
        ASSERT_EQ(*value % multiple, 0) << where << "\n" << show(e) << " multiple of " << multiple;
      }
      if (fact) {
        ASSERT_EQ(fact, evaluate(truth.node(), *p)) << where << "\n" << show(condition) << "\n" << show(truth);
        ASSERT_TRUE(!always || *fact) << where << "\nproven: " << show(condition);
      }
    }
  }
  // The comparison would be empty if most expressions divided by zero or nothing could be proven.
  EXPECT_GT(compared, static_cast<int>(count) * 15);
  EXPECT_GT(proven, static_cast<int>(count) / 50);
}

TEST(Random, IndexExpressionsKeepTheirValues) { check(i64, 1, 12000); }
TEST(Random, Int32KeepsItsValues) { check(i32, 1, 4000); }
TEST(Random, Int8WrapsAtItsWidth) { check(i8, 1, 8000); }
TEST(Random, UnsignedBytesWrapAtTheirWidth) { check(u8, 1, 8000); }

} // namespace
} // namespace tw

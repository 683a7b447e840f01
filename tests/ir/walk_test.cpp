// SPDX-License-Identifier: Apache-2.0
// Equality and hashes under renaming, visits, rewrites, substitution, fresh copies.
#include "ir/build.h"
#include "ir/text.h"
#include "ir/visit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw {
namespace {

using testing::ElementsAre;

Ref<Module> scale_module(const std::string& i, const std::string& n, const std::string& factor = "2.0") {
  return parse(fmt::format("@kernel({1}=Dim())\n"
                           "def f(A: In[({1},), f32], B: Out[({1},), f32]):\n"
                           "    for {0} in range({1}):\n"
                           "        B[{0}] = A[{0}] * {2}\n",
                           i, n, factor));
}

// Names of what a module introduces do not matter to equality and hash, everything else does.
TEST(Equal, IgnoresNamesOnly) {
  Ref<Module> a = scale_module("i", "n"), b = scale_module("j", "m"), c = scale_module("i", "n", "3.0");
  EXPECT_TRUE(equal(a, b));
  EXPECT_EQ(structural_hash(a.node()), structural_hash(b.node()));
  EXPECT_EQ(content_hash(a.node()), content_hash(b.node()));
  EXPECT_FALSE(equal(a, c));
  EXPECT_NE(content_hash(a.node()), content_hash(c.node()));
}

// Free variables must be the very same, also when others are renamed.
TEST(Equal, FreeIdentitiesAreThemselves) {
  Ref<Var> x = var("x"), y = var("x"), i = var("i"), j = var("j");
  EXPECT_TRUE(equal(x + 1, x + 1));
  EXPECT_FALSE(equal(x + 1, y + 1));
  auto lambda = [](const Ref<Var>& p, const Ref<Expr>& e) { return make(Lambda{.params = {p}, .results = {e}}); };
  EXPECT_TRUE(equal(lambda(i, i + x), lambda(j, j + x)));
  EXPECT_FALSE(equal(lambda(i, i + x), lambda(j, j + j)));
  EXPECT_FALSE(equal(lambda(i, x + x), lambda(j, j + x)));
  // i on the left is bound, on the right free.
  EXPECT_FALSE(equal(lambda(i, i + i), lambda(j, j + i)));
}

// Facts of a variable are part of it; NaN equals NaN of the same bits, 0.0 does not equal -0.0.
TEST(Equal, FactsAndBitsCount) {
  auto lambda = [](const Ref<Var>& p) { return make(Lambda{.params = {p}, .results = {p}}); };
  EXPECT_FALSE(equal(lambda(dim("n", 0, 4)), lambda(dim("n", 0, 5))));
  EXPECT_TRUE(equal(literal(NAN, f32), literal(NAN, f32)));
  EXPECT_FALSE(equal(literal(0.0, f32), literal(-0.0, f32)));
}

// Children come in the order of the fields, what introduces a name before what uses it.
TEST(Children, FollowTheFields) {
  Ref<Stmt> s = as<Kernel>(scale_module("i", "n")->functions[0])->body;
  std::vector<std::string> kinds;
  for_children(s.node(), [&](const Node* c) { kinds.push_back(kind_name(c)); });
  EXPECT_THAT(kinds, ElementsAre("IntImm", "Var", "Var", "Store"));
}

// A visit takes the first lambda that fits; one with two parameters decides where to go on.
TEST(Visit, LambdasTakeAndSteer) {
  Ref<Stmt> s = parse_statement(
      "for i in range(2):\n    for j in range(3):\n        for k in range(4):\n            x = i + j\n            barrier()\n");
  int loops = 0, depth = 0, deepest = 0, literals = 0;
  visit(
      s,
      [&](const For& f, Walk walk) {
        ++loops;
        deepest = std::max(deepest, ++depth);
        walk(f.body); // not the ranges
        --depth;
      },
      [&](const IntImm&) { ++literals; });
  EXPECT_EQ(loops, 3);
  EXPECT_EQ(deepest, 3);
  EXPECT_EQ(literals, 0);
}

// Kinds tell what may stand below a node: no statement below an expression, a load in a shape, anything but a module in a module.
TEST(Kinds, BelowAreThoseOfTheFields) {
  auto below = [](size_t kind, size_t other) { return bool(kinds_below[kind] >> other & 1); };
  for (size_t statement : {kind_of<For>(), kind_of<Block>(), kind_of<Allocate>()}) {
    EXPECT_FALSE(below(kind_of<Load>(), statement));
    EXPECT_FALSE(below(kind_of<Region>(), statement));
    EXPECT_TRUE(below(kind_of<Kernel>(), statement));
    EXPECT_TRUE(below(kind_of<Seq>(), statement));
    EXPECT_TRUE(below(statement, kind_of<Load>()));
  }
  EXPECT_TRUE(below(kind_of<TensorType>(), kind_of<Load>()));
  EXPECT_TRUE(below(kind_of<Attr>(), kind_of<TensorType>()));
  EXPECT_TRUE(below(kind_of<Branch>(), kind_of<Loop>()));
  EXPECT_TRUE(below(kind_of<Origin>(), kind_of<Origin>()));
  EXPECT_FALSE(below(kind_of<IntImm>(), kind_of<Var>()));
}

// Shared nodes are visited once.
TEST(Visit, SharedNodesOnce) {
  Ref<Expr> x = var("x") + 1;
  Ref<Expr> e = x;
  for (int i = 0; i < 50; ++i) e = make(Binary{.op = BinaryOp::mul, .a = e, .b = e});
  int count = 0;
  visit(e, [&](const Binary&) { ++count; });
  EXPECT_EQ(count, 51);
}

// A rewrite gives the same node where nothing changed, keeps sharing, and hands on the origin of what it replaces.
TEST(Rewrite, CopiesOnlyWhatChanged) {
  Ref<Origin> origin = make(Origin{.kind = OriginKind::model, .text = "Mul_3"});
  Ref<Module> m = scale_module("i", "n");
  EXPECT_TRUE(rewrite(m, [](const IntImm&) -> Opt<Expr> { return {}; }).same_as(m));
  Ref<Expr> two = with_origin(as_ref<FloatImm>(literal(2.0, f32)), origin);
  Ref<Expr> x = var("x", f32), product = make(Binary{.op = BinaryOp::mul, .a = x, .b = two}), sum = product + product;
  Ref<Expr> changed = rewrite(sum, [](const FloatImm& f) -> Opt<Expr> { return literal(f.value + 1, f.type); });
  EXPECT_EQ(to_text(changed), "x * 3.0 + x * 3.0");
  const auto* outer = as<Binary>(changed);
  EXPECT_TRUE(outer->a.same_as(outer->b)) << "what was shared is rewritten once";
  EXPECT_TRUE(as<Binary>(outer->a)->b->origin.same_as(origin));
}

// A lambda that steers decides itself which parts are rewritten.
TEST(Rewrite, Steers) {
  Ref<Stmt> s = parse_statement("for i in range(2):\n    for j in parallel(3):\n        x = 1\n        y = 2\n");
  Ref<Stmt> out = rewrite(
      s,
      [](const For& f, Rewrite again) -> Opt<Stmt> {
        if (f.how == ForKind::parallel) return make(Seq{});
        return with(ref_to(f), &For::body, again(f.body));
      },
      [](const IntImm& e) -> Opt<Expr> { return imm(e.value + 1); });
  EXPECT_EQ(to_text(out), "for i in range(2):\n    pass\n");
}

// A rewrite that puts a node where it does not fit is refused by the name of the field.
TEST(Rewrite, RefusesWrongKinds) {
  Ref<Expr> e = var("x") + 1;
  EXPECT_THROW(map_children(e.node(), [](const Node*) { return Opt<Node>(make(Seq{})); }), Error);
  EXPECT_THROW(map_children(e.node(), [](const Node*) { return Opt<Node>(); }), Error);
}

// Identities are replaced everywhere, everything else is kept.
TEST(Substitute, ReplacesIdentities) {
  Ref<Var> x = var("x"), y = var("y");
  Ref<Expr> e = (x + y) * x;
  EXPECT_EQ(to_text(substitute(e, {{x.node(), imm(3)}})), "(3 + y) * 3");
  EXPECT_TRUE(substitute(e, {{var("x").node(), imm(3)}}).same_as(e));
  EXPECT_TRUE(uses(e.node(), y.node()));
  EXPECT_FALSE(uses(substitute(e, {{x.node(), imm(3)}}).node(), x.node()));
}

// A renewed statement is equal and shares no variable or buffer that it introduces; shapes follow.
TEST(Renew, GivesFreshIdentities) {
  Ref<Stmt> s = parse_statement("for i in range(4):\n"
                                "    n = i + 1\n"
                                "    T = allocate((n, 4), f32)\n"
                                "    with block(\"b\"):\n"
                                "        v = spatial(n, i)\n"
                                "        writes(T[v, 0:4])\n"
                                "        T[v, i] = 0.0\n");
  Ref<Stmt> copy = renew(s);
  EXPECT_TRUE(equal(s, copy));
  EXPECT_EQ(to_text(s), to_text(copy));
  std::vector<const Node*> mine, theirs;
  auto collect = [](std::vector<const Node*>& out) {
    return [&out](const Node* n, auto& self) -> void {
      for_flagged_children(n, [&](const Node* c, bool defines) {
        if (defines && (as<Var>(c) || as<Buffer>(c))) out.push_back(c);
        if (!as<Var>(c)) self(c, self);
      });
    };
  };
  auto a = collect(mine), b = collect(theirs);
  a(s.node(), a);
  b(copy.node(), b);
  ASSERT_EQ(mine.size(), theirs.size());
  ASSERT_GE(mine.size(), 4u);
  for (const Node* n : mine) EXPECT_FALSE(uses(copy.node(), n)) << to_text(n);
}

} // namespace
} // namespace tw

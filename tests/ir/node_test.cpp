// SPDX-License-Identifier: Apache-2.0
// Handles, names, lists, the field lists, what nodes compute and refuse when they are made.
#include "ir/blank.h"
#include "ir/build.h"
#include "ir/derived.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace tw {
namespace {

int64_t owners(const Node* n) { return static_cast<int64_t>(n->state.load() / 2); }

// A node has one owner after make; each handle adds one, and takes it away.
TEST(Handle, CountsOwners) {
  Ref<Expr> x = imm(3);
  EXPECT_EQ(owners(x.node()), 1);
  {
    Opt<Expr> second = x;
    List<Ref<Expr>> list{x, x};
    List<Ref<Expr>> copy = list; // shares the array
    EXPECT_EQ(owners(x.node()), 4);
    Opt<Expr> moved = std::move(second);
    EXPECT_FALSE(second);
    EXPECT_EQ(owners(x.node()), 4);
  }
  EXPECT_EQ(owners(x.node()), 1);
  Ref<Expr> other = std::move(x);
  EXPECT_TRUE(x.same_as(other)) << "a moved-from Ref stays valid";
}

// A hundred thousand nodes inside each other are freed by a loop, not by recursion.
TEST(Handle, DeepNestsAreFreedWithoutRecursion) {
  Ref<Stmt> s = make(Seq{});
  for (int i = 0; i < 100'000; ++i) s = make(While{.cond = imm(1, boolean), .body = s});
  Ref<Expr> e = imm(1);
  for (int i = 0; i < 100'000; ++i) e = make(Unary{.op = UnaryOp::neg, .a = e});
  s = make(Seq{});
  e = imm(0);
  EXPECT_EQ(owners(e.node()), 1);
}

// Handles of one node may be copied and dropped by several threads at once.
TEST(Handle, CountIsSafeAcrossThreads) {
  Ref<Expr> x = imm(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) Ref<Expr> copy = x;
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(owners(x.node()), 1);
}

// One text is one name, whoever asks first.
TEST(Name, IsOneAcrossThreads) {
  std::vector<std::vector<const void*>> seen(4);
  std::vector<std::thread> threads;
  for (auto& mine : seen)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) mine.push_back(Name("name" + std::to_string(i)).id());
    });
  for (auto& t : threads) t.join();
  for (auto& mine : seen) EXPECT_EQ(mine, seen[0]);
  EXPECT_EQ(Name("a"), Name(std::string("a")));
  EXPECT_NE(Name("a"), Name("b"));
  EXPECT_TRUE(Name().empty());
}

// The fields of each node are all its members: laid end to end they fill the struct, so none was forgotten in the list.
TEST(Fields, AreAllMembers) {
  []<class... T>(TypeList<T...>) {
    auto check = []<class N>(const N& n) {
      struct Place {
        size_t offset, size, align;
      };
      std::vector<Place> places;
      auto start = reinterpret_cast<const char*>(&n);
      for_fields<N>([&](const auto& d) {
        const auto& member = n.*d.member;
        places.push_back(
            {static_cast<size_t>(reinterpret_cast<const char*>(&member) - start), sizeof(member), alignof(std::decay_t<decltype(member)>)});
      });
      std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
      size_t end = std::is_base_of_v<Expr, N> ? sizeof(Expr) : sizeof(Node);
      EXPECT_LE(places[0].offset, end) << N::kind_name;
      end = places[0].offset;
      for (const Place& p : places) {
        EXPECT_GE(p.offset, end) << N::kind_name;
        EXPECT_LT(p.offset - end, p.align) << N::kind_name << ": a member stands between";
        end = p.offset + p.size;
      }
      EXPECT_EQ((end + 7) / 8 * 8, sizeof(N)) << N::kind_name;
    };
    (check(blank<T>()), ...);
  }(NodeList{});
}

// What is left out in text has the default of the declaration.
TEST(Fields, BlanksHaveTheDefaults) {
  EXPECT_EQ(blank<For>().how, ForKind::serial);
  EXPECT_EQ(blank<Buffer>().scope, Name("global"));
  EXPECT_EQ(blank<Var>().max, unbounded);
  EXPECT_EQ(blank<IntImm>().type, i64);
  EXPECT_FALSE(blank<Store>().mask);
}

// Kinds have different names: text finds a node by its name.
TEST(Fields, KindNamesDiffer) {
  std::vector<std::string> names;
  []<class... T>(TypeList<T...>, auto& out) { (out.push_back(T::kind_name), ...); }(NodeList{}, names);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

// `with` changes one field of a copy, keeps the origin, and leaves the node alone.
TEST(With, ChangesOneField) {
  Ref<Origin> origin = make(Origin{.kind = OriginKind::model, .text = "Conv_0"});
  Ref<Var> i = var("i");
  Ref<For> loop = with_origin(make(For{.begin = imm(0), .extent = imm(4), .var = i, .body = make(Seq{})}), origin);
  Ref<For> other = with(loop, &For::how, ForKind::parallel);
  EXPECT_EQ(loop->how, ForKind::serial);
  EXPECT_EQ(other->how, ForKind::parallel);
  EXPECT_TRUE(other->var.same_as(i));
  EXPECT_TRUE(other->origin.same_as(origin));
}

// New nodes take the origin of the scope they are made in.
TEST(Origin, ScopesGiveTheirOrigin) {
  Ref<Origin> a = make(Origin{.kind = OriginKind::pass, .text = "a"});
  OriginScope outer(a);
  EXPECT_TRUE(imm(1)->origin.same_as(a));
  {
    OriginScope inner(Opt<Origin>(make(Origin{.kind = OriginKind::pass, .text = "b"})));
    EXPECT_FALSE(imm(1)->origin.same_as(a));
  }
  EXPECT_TRUE(imm(1)->origin.same_as(a));
}

// Literals wrap and round to their type; expressions know theirs.
TEST(Finish, ComputesTypes) {
  EXPECT_EQ(as<IntImm>(imm(300, u8))->value, 44);
  EXPECT_EQ(as<IntImm>(imm(200, i8))->value, -56);
  EXPECT_EQ(as<FloatImm>(literal(0.1, f32))->value, static_cast<double>(0.1f));
  Ref<Expr> x = var("x", f32);
  EXPECT_EQ((x < x)->dtype, boolean);
  EXPECT_EQ(make(Ramp{.base = imm(0), .stride = imm(1), .lanes = 8})->dtype, i64.with_lanes(8));
  EXPECT_EQ(make(Cast{.to = f16, .value = make(Broadcast{.value = x, .lanes = 4})})->dtype, f16.with_lanes(4));
}

// Nonsense is refused where it is made, not later.
TEST(Finish, RefusesNonsense) {
  Ref<Expr> x = var("x", f32), b = var("b", boolean), i = var("i");
  EXPECT_THROW(make(Binary{.op = BinaryOp::add, .a = x, .b = i}), Error);
  EXPECT_THROW(make(Binary{.op = BinaryOp::div, .a = i, .b = i}), Error);
  EXPECT_THROW(make(Binary{.op = BinaryOp::logical_and, .a = i, .b = i}), Error);
  EXPECT_THROW(make(Unary{.op = UnaryOp::logical_not, .a = x}), Error);
  EXPECT_THROW(make(Select{.cond = x, .a = x, .b = x}), Error);
  EXPECT_THROW(make(Select{.cond = b, .a = x, .b = i}), Error);
  EXPECT_THROW(make(Ramp{.base = i, .stride = x, .lanes = 4}), Error);
  EXPECT_THROW(make(IntImm{.value = 1, .type = f32}), Error);
  EXPECT_THROW(make(FloatImm{.value = 1, .type = i32}), Error);
  EXPECT_THROW(make(Shuffle{}), Error);
  EXPECT_THROW(call("no_such", {}), Error);
  Ref<Buffer> buffer = make(Buffer{.id = "A", .shape = shape_of({4}), .element = f32, .strides = {}});
  EXPECT_THROW(load(buffer, {}), Error);
}

} // namespace
} // namespace tw

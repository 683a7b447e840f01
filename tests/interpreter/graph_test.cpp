// SPDX-License-Identifier: Apache-2.0
#include "interpreter/interpret.h"
#include "ops/op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw::interpreter {
namespace {

Ref<Attr> attr(const char* name, Attr::Value v) { return make(Attr{.name = name, .value = std::move(v)}); }
Ref<Value> value(const char* id, const Shape& shape, DType type = f32) { return make(Value{.id = id, .type = tensor_type(shape, type)}); }
Ref<Module> module_of(std::vector<Ref<Value>> params, const ops::GraphBuilder& g, std::vector<Ref<Operand>> results,
                      std::vector<Ref<Var>> dims = {}) {
  Ref<Body> body = make(Body{.params = params, .bindings = g.bindings(), .results = results});
  return make(Module{.functions = {make(Function{.id = "main", .dims = dims, .body = body})}});
}
Ref<Body> body_of(std::vector<Ref<Value>> params, const ops::GraphBuilder& g, std::vector<Ref<Operand>> results) {
  return make(Body{.params = params, .bindings = g.bindings(), .results = results});
}

} // namespace

// A function with a symbolic size runs at the sizes of its inputs, and refuses inputs that contradict each other.
TEST(Graphs, SizesAreBoundFromInputs) {
  Ref<Var> n = dim("n", 1, 8);
  Ref<Value> x = value("x", {n, imm(2)}), y = value("y", {n, imm(2)});
  ops::GraphBuilder g;
  Ref<Value> sum = g.call("reduce_sum", {g.call("add", {x, y})}, {attr("axes", List<int64_t>{1}), attr("keepdims", false)});
  Ref<Module> m = module_of({x, y}, g, {sum}, {n});
  Array a = Array::of(f32, {2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(interpret(m, "main", {a, a})[0].numbers(), (std::vector<double>{6, 14}));
  try {
    interpret(m, "main", {a, Array::of(f32, {1, 2}, {1, 2})});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("input 'y' must have size 2 in dimension 0, found 1"));
  }
}

// Sizes that depend on data: counted, read, then used by operators and types.
TEST(Graphs, SizesMayDependOnData) {
  Ref<Value> x = value("x", shape_of({5}));
  ops::GraphBuilder g;
  Ref<Var> k = g.read_sizes(g.call("count_nonzero", {x}), {"k"})[0];
  Ref<Value> found = g.call("nonzero", {x}, {attr("count", Opt<Expr>(k))});
  Ref<Value> doubled = g.call("add", {found, found});
  Array out = interpret(module_of({x}, g, {doubled}), "main", {Array::of(f32, {5}, {0, 7, 0, 7, 7})})[0];
  EXPECT_EQ(out.shape, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(out.numbers(), (std::vector<double>{2, 6, 8}));
}

// Only the chosen arm of a branch runs; arms may use values of the function around them.
TEST(Graphs, BranchesRunOneArm) {
  Ref<Value> x = value("x", shape_of({2})), cond = value("cond", {}, boolean), out = value("out", shape_of({2}));
  ops::GraphBuilder then, otherwise, g;
  Ref<Value> a = then.call("exp", {x}), b = otherwise.call("neg", {x});
  g.emit(make(Binding{.values = {out},
                      .operation = make(Branch{.cond = cond, .then = body_of({}, then, {a}), .otherwise = body_of({}, otherwise, {b})})}));
  Ref<Module> m = module_of({x, cond}, g, {out});
  Array data = Array::of(f32, {2}, {0, 0});
  EXPECT_EQ(interpret(m, "main", {data, Array::of(boolean, {}, {1})})[0].numbers(), (std::vector<double>{1, 1}));
  EXPECT_EQ(interpret(m, "main", {data, Array::of(boolean, {}, {0})})[0].numbers(), (std::vector<double>{-0.0, -0.0}));
}

// A loop carries values, ends when its body says so, and stacks one row for each iteration.
TEST(Graphs, LoopsCarryAndStack) {
  Ref<Var> t = dim("t");
  Ref<Value> x = value("x", {}), index = value("index", {}, i64), carried = value("carried", {});
  Ref<Value> last = value("last", {}), all = value("all", {t});
  ops::GraphBuilder inner, g;
  Ref<Value> next = inner.call("add", {carried, carried});
  Ref<Value> go = inner.call("less", {next, inner.scalar(20, f32)});
  Ref<Operation> loop = make(Loop{.init = {x},
                                  .body = body_of({index, carried}, inner, {go, next, next}),
                                  .trip = Opt<Operand>(g.ints({10})),
                                  .conditional = true,
                                  .stacked = 1});
  g.emit(make(Binding{.values = {last, all}, .operation = loop, .dims = {t}}));
  auto out = interpret(module_of({x}, g, {last, all}), "main", {Array::of(f32, {}, {3})});
  EXPECT_EQ(out[0].numbers(), (std::vector<double>{24}));
  EXPECT_EQ(out[1].numbers(), (std::vector<double>{6, 12, 24}));
}

// A kernel of the module is called with its sizes as scalars; an unknown callee is the user's error, endless recursion too.
TEST(Graphs, InvokeFindsKernelsAndFunctions) {
  Ref<Var> n = dim("n"), size = dim("size"), i = var("i");
  Ref<Buffer> in = make(Buffer{.id = "in", .shape = {n}, .element = f32}), to = make(Buffer{.id = "to", .shape = {n}, .element = f32});
  Ref<Kernel> twice =
      make(Kernel{.id = "twice",
                  .dims = {n},
                  .params = {make(Param{.buffer = in, .access = Access::in}), make(Param{.buffer = to, .access = Access::out})},
                  .body = make(For{.begin = imm(0), .extent = n, .var = i, .body = store(to, {i}, load(in, {i}) + load(in, {i}))})});
  Ref<Value> x = value("x", {size}), y = value("y", {size});
  auto function = [&](const char* id, const char* callee, List<Ref<Expr>> scalars) {
    ops::GraphBuilder g;
    g.emit(
        make(Binding{.values = {y}, .operation = make(Invoke{.callee = callee, .args = {x}, .outputs = {y->type}, .scalars = scalars})}));
    return make(Function{.id = id, .dims = {size}, .body = body_of({x}, g, {y})});
  };
  Ref<Module> m = make(
      Module{.functions = {function("endless", "endless", {}), function("lost", "nothing", {}), function("main", "twice", {size}), twice}});
  Array data = Array::of(f32, {3}, {1, 2, 3});
  EXPECT_EQ(interpret(m, "main", {data})[0].numbers(), (std::vector<double>{2, 4, 6}));
  for (const char* bad : {"endless", "lost", "missing"}) {
    try {
      interpret(m, bad, {data});
      FAIL() << bad;
    } catch (const Error& error) { EXPECT_EQ(error.kind(), ErrorKind::user) << bad; }
  }
}

} // namespace tw::interpreter

// SPDX-License-Identifier: Apache-2.0
// The verifier: each rule refuses the smallest module that breaks it; what is legal at one stage only.
#include "ir/build.h"
#include "ir/verify.h"
#include "round_trip.h"

#include <gmock/gmock.h>

namespace tw::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string complaint(const Ref<Module>& module, Stage stage = Stage::any) {
  try {
    verify(module, stage);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), stage == Stage::imported ? ErrorKind::user : ErrorKind::internal);
    return error.what();
  }
  return "";
}
std::string complaint(const std::string& text, Stage stage = Stage::any) { return complaint(parse(text), stage); }
std::string kernel_text(const std::string& body) {
  return "@kernel(n=Dim())\ndef f(A: In[(n,), f32], B: Out[(n,), f32]):\n    " + body + "\n";
}
std::string function_text(const std::string& body) { return "@function(n=Dim())\ndef f(x: Tensor[(n, 4), f32]):\n    " + body + "\n"; }

Ref<Module> module_of(const Ref<Callable>& c) { return make(Module{.functions = {c}}); }
Ref<Module> kernel_of(const Ref<Stmt>& body, std::vector<Ref<Param>> params = {}, std::vector<Ref<Var>> dims = {}) {
  return module_of(make(Kernel{.id = "f", .dims = std::move(dims), .params = std::move(params), .body = body}));
}

// A legal module of both levels passes at every stage that it fits.
TEST(Verify, AcceptsLegalModules) {
  std::string text = file_head + R"(
w = constant(f32, (4,), [1.0, 2.0, 3.0, 4.0])

@kernel(n=Dim())
def k(A: In[(n,), f32], C: Out[(n,), f32]):
    for i in parallel(n):
        C[i] = A[i]

@function(n=Dim())
def main(x: Tensor[(n,), f32]):
    y: Tensor[(n,), f32] = k(x, scalars=(n,))
    z: Tensor[(4,), f32] = k(w, scalars=(4,))
    return y, z
)";
  Ref<Module> module = parse(text);
  for (Stage stage : {Stage::any, Stage::imported, Stage::graph, Stage::lowered, Stage::scheduled, Stage::flat})
    EXPECT_EQ(complaint(module, stage), "");
  verify(module);
}

// Names are introduced before they are used, once, and used inside their scope.
TEST(Verify, Scopes) {
  Ref<Var> i = var("i"), n = dim("n");
  auto loop = [&](const Ref<Stmt>& body) { return make(For{.begin = imm(0), .extent = imm(2), .var = i, .body = body}); };
  Ref<Stmt> use = make(Evaluate{.value = i + 1});
  EXPECT_EQ(complaint(kernel_of(loop(use))), "");
  EXPECT_THAT(complaint(kernel_of(use)),
              AllOf(HasSubstr("a name is introduced before it is used"), HasSubstr("Var i"), HasSubstr("i + 1"), HasSubstr("kernel 'f'")));
  EXPECT_THAT(complaint(kernel_of(make(Seq{.body = {loop(use), use}}))), HasSubstr("a name is used inside its scope only"));
  EXPECT_THAT(complaint(kernel_of(make(Seq{.body = {loop(use), loop(use)}}))),
              HasSubstr("every variable, value and buffer is introduced once"));
  EXPECT_THAT(complaint(kernel_of(loop(loop(use)))), HasSubstr("introduced once"));
  // A shared expression is looked at again where its variable is gone.
  Ref<Expr> shared = i + 1;
  auto evaluate = [&] { return make(Evaluate{.value = shared}); };
  EXPECT_THAT(complaint(kernel_of(make(Seq{.body = {loop(evaluate()), evaluate()}}))), HasSubstr("used inside its scope only"));
  // A size that no dim introduces.
  Ref<Buffer> b = make(Buffer{.id = "b", .shape = {n}, .element = f32, .strides = {}});
  Ref<Param> p = make(Param{.buffer = b, .access = Access::in});
  EXPECT_EQ(complaint(kernel_of(make(Seq{}), {p}, {n})), "");
  EXPECT_THAT(complaint(kernel_of(make(Seq{}), {p})), HasSubstr("introduced before it is used"));
}

// The origin of the nearest node that has one stands in the report.
TEST(Verify, ReportShowsOriginAndStage) {
  std::string text = kernel_text("with block(\"b\"):  #@ model \"Conv_0\"\n        pass");
  EXPECT_THAT(complaint(text, Stage::flat),
              AllOf(HasSubstr("blocks are gone"), HasSubstr("with block(\"b\"):"), HasSubstr("model 'Conv_0'"), HasSubstr("stage flat")));
  Ref<Module> from_file = parse(text.substr(0, text.find("  #@")) + "\n        pass\n", {.file = "k.py"});
  EXPECT_THAT(complaint(from_file, Stage::flat), HasSubstr("k.py:3"));
}

struct Case {
  std::string text;
  const char* sentence;
  Stage stage = Stage::any;
};

// Kernels: each text breaks one rule.
TEST(Verify, KernelRules) {
  for (const Case& c : std::vector<Case>{
           {kernel_text("A[0] = 1.0"), "nothing is stored to an input"},
           {kernel_text("B[0] = A[ramp(0, 1, 4)]"), "a stored value has the element type of the buffer, a lane for each place"},
           {kernel_text("store(B[0], 1.0, mask=3)"), "a mask is a bool for each lane"},
           {kernel_text("B[0] = load(A[0], mask=broadcast(True, 4))"), "a mask is a bool for each lane"},
           {kernel_text("x = ramp(0, 1, 4)"), "there are no vectors before the stage 'flat'", Stage::scheduled},
           {kernel_text("x = broadcast(0, 4)"), "there are no vectors before the stage 'flat'", Stage::imported},
           {kernel_text("x = shuffle((3, 4), (0, 1))"), "there are no vectors before the stage 'flat'", Stage::lowered},
           {kernel_text("x = shuffle((3, 4), (0, 2))"), "a shuffle takes lanes that its vectors have"},
           {kernel_text("T = allocate((4.0,), f32)"), "a buffer's sizes, and strides if any, are index expressions"},
           {kernel_text("T = allocate((4,), f32, strides=(4, 1))"), "one for each dimension"},
           {kernel_text("T = allocate((4,), f32, scope=\"sharde\")"), "a buffer's scope is global, local or scratch"},
           {kernel_text("T = allocate((4, 4), f32)"), "a buffer has one dimension and no strides", Stage::flat},
           {kernel_text("T = allocate((4,), f32, strides=(2,))"), "a buffer has one dimension and no strides", Stage::flat},
           {kernel_text("with block(\"b\"):\n        reads(Region(buffer=A, begin=(), extent=()))"),
            "a region has an integer begin and extent for each dimension"},
           {kernel_text("for i in range(i32(0), extent=4):\n        pass"), "begin, extent and variable of a loop have one integer type"},
           {kernel_text("for i in range(4, var=Dim(type=i32)):\n        pass"),
            "begin, extent and variable of a loop have one integer type"},
           {kernel_text("with block(\"b\"):\n        v = spatial(4, i32(0))"), "value, extent and variable of a block's iteration"},
           {kernel_text("with block(\"b\"):\n        with init():\n            pass"), "only a block with a reduction has 'init'"},
           {kernel_text("Block(id=\"b\", iters=(), reads=(), writes=(), body=Seq(body=()), where=1)"), "the condition 'where' is a bool"},
           {kernel_text("with block(\"b\"):\n        pass"), "blocks are gone", Stage::flat},
           {kernel_text("with block(\"b\"):\n        pass\n    with block(\"b\"):\n        pass"), "blocks have names, and names differ"},
           {kernel_text("with block(\"\"):\n        pass"), "blocks have names, and names differ"},
           {kernel_text("Store(buffer=B, index=(0, 1), value=1.0)"), "an index is an integer for each dimension"},
           {kernel_text("Store(buffer=B, index=(1.5,), value=1.0)"), "an index is an integer for each dimension"},
           {kernel_text("Evaluate(value=Load(buffer=A, index=(1.5,)))"), "an index is an integer for each dimension"},
           {kernel_text("x: Dim(type=i32) = 3"), "a variable has the type of its value"},
           {kernel_text("x: Dim(0, 3) = 3"), ""},
           {kernel_text("If(cond=1, then=Seq(body=()))"), "a condition is a bool"},
           {kernel_text("While(cond=1, body=Seq(body=()))"), "a condition is a bool"},
           {kernel_text("Assert(cond=1, message=\"m\")"), "a condition is a bool"},
           {kernel_text("with register_tile():\n        r, c = row(n), column(4)\n        acc = fold(\"add\", 0.0, 1.0)"),
            "rows and the column of a register tile have literal extents"},
           {kernel_text("with register_tile():\n        c = column(0)\n        acc = fold(\"add\", 0.0, 1.0)"),
            "rows and the column of a register tile have literal extents"},
           {kernel_text("with register_tile():\n        c = column(4)\n        acc = fold(\"add\", f16(0.0), 1.0)"),
            "init, value and accumulator of a register tile have one type"},
           {kernel_text("with register_tile():\n        c = column(4)\n        columns(1.5)\n        acc = fold(\"add\", 0.0, 1.0)"),
            "the number of columns is an integer"},
           {kernel_text("with register_tile():\n        c = column(4)\n        prefetch(1.5)\n        acc = fold(\"add\", 0.0, 1.0)"),
            "what a register tile prefetches is a load"},
           {kernel_text(
                "with register_tile():\n        c, k = column(4), reduce(4, var=Dim(type=i32))\n        acc = fold(\"add\", 0.0, 1.0)"),
            "extent and variable of an axis have one integer type"},
           {"@kernel(id=\"\")\ndef f():\n    pass\n", "a kernel has a name"},
           {"@kernel(n=Dim(type=i32))\ndef f():\n    pass\n", "sizes of a kernel are i64"},
       }) {
    if (!*c.sentence) EXPECT_EQ(complaint(c.text, c.stage), "");
    else EXPECT_THAT(complaint(c.text, c.stage), HasSubstr(c.sentence)) << c.text;
  }
}

// Graphs: each text breaks one rule.
TEST(Verify, GraphRules) {
  const std::string kernel = "@kernel(n=Dim())\ndef k(A: In[(n, 4), f32], B: InOut[(n,), f32], C: Out[(n, 4), f32]):\n    pass\n";
  for (const Case& c : std::vector<Case>{
           {function_text("y: Tensor[(n, 4), f32] = relu(x)"),
            "only calls of kernels and functions are left, views, and what the entry does itself", Stage::lowered},
           {function_text("y: Tuple[()] = pack(x)"), "tuples are gone", Stage::graph},
           {function_text("y: Sequence[Tensor[(), f32]] = pack(x)"), "sequences are gone", Stage::graph},
           {function_text("y: Optional[Tensor[(), f32]] = pack(x)"), "optional values are gone", Stage::graph},
           {function_text("y: Tensor[(-1,), f32] = relu(x)"), "a size is an i64 and not negative"},
           {function_text("y: Tensor[(i32(1),), f32] = relu(x)"), "a size is an i64 and not negative"},
           {function_text("y: Tensor[(1,), f32x4] = relu(x)"), "a tensor's elements are scalars"},
           {function_text("relu(x, a=1, **{\"a\": 2})"), "attributes are sorted by name, and names are unique"},
           {function_text("op(\"\", x)"), "an operator has a name"},
           {function_text("invoke(\"g\", x)"), "the callee is in the module"},
           {function_text("f(x)"), "arguments, scalars and outputs fit the callee's parameters"},
           {function_text("f(x, scalars=(n,))"), ""},
           {function_text("y: Tensor[(n, 4), f32] = f(x, scalars=(n,))"), "arguments, scalars and outputs fit"},
           {kernel + function_text("y: Tensor[(n, 4), f32] = k(x, scalars=(n,))"), "arguments, scalars and outputs fit"},
           {kernel + function_text("k(x, x, scalars=(n,), outputs=(Tensor[(n,), f32], Tensor[(n, 4), f32]))"),
            "values, bodies and results of an operation agree"},
           {function_text("y: Stored[Tensor[(n, 4), f32], alias(0)] = relu(x)"), "an alias names what it shares memory with"},
           {function_text("y: Stored[Tensor[(n, 4), f32], arena(0, of=x)] = relu(x)"), "an alias names what it shares memory with"},
           {function_text("def g():\n        pass\n    branch(x, g, g)"), "the condition of a branch is a bool tensor"},
           {function_text("def g():\n        return x\n    c: Tensor[(), bool] = t()\n    branch(c, g, g)"),
            "values, bodies and results of an operation agree"},
           {function_text("def g(i: Tensor[(), i64]):\n        pass\n    loop(g, init=(), trip=x)"),
            "the conditions of a loop are bool tensors"},
           {function_text("def g():\n        pass\n    loop(g, init=())"), "values, bodies and results of an operation agree"},
           {function_text(
                "def g(i: Tensor[(), i64], h: Tensor[(n, 5), f32]):\n        return h\n    y: Tensor[(n, 5), f32] = loop(g, init=(x,))"),
            "agree in number and type"},
           {"@function(id=\"\")\ndef f():\n    pass\n", "a function has a name"},
           {"@function(a=1, **{\"a\": 2})\ndef f():\n    pass\n", "attributes have different names"},
           {"module(a=1, **{\"a\": 2})\n", "attributes have different names"},
       }) {
    if (!*c.sentence) EXPECT_EQ(complaint(c.text, c.stage), "");
    else EXPECT_THAT(complaint(c.text, c.stage), HasSubstr(c.sentence)) << c.text;
  }
}

// What no text can say: facts that contradict, modules out of order, constants whose data does not fit.
TEST(Verify, RulesThatOnlyCodeCanBreak) {
  Ref<Stmt> nothing = make(Seq{});
  EXPECT_THAT(complaint(kernel_of(nothing, {}, {dim("n", 3, 2)})), HasSubstr("a variable's facts agree"));
  EXPECT_THAT(complaint(kernel_of(nothing, {}, {dim("n", 0, 4, 0)})), HasSubstr("a variable's facts agree"));
  auto empty = [&](Name id) { return make(Kernel{.id = id, .dims = {}, .params = {}, .body = make(Seq{})}); };
  EXPECT_THAT(complaint(make(Module{.functions = {empty("b"), empty("a")}})), HasSubstr("functions are sorted by name"));
  EXPECT_THAT(complaint(make(Module{.functions = {empty("a"), empty("a")}})), HasSubstr("names are unique"));
  Ref<Constant> c = make(Constant{.type = tensor_type(shape_of({2}), f32), .data = Blob(std::vector<std::byte>(7))});
  Ref<Body> body = make(Body{.params = {}, .bindings = {}, .results = {c}});
  EXPECT_THAT(complaint(module_of(make(Function{.id = "f", .dims = {}, .body = body}))), HasSubstr("its data has the size of its type"));
  Ref<OpCall> unsorted =
      make(OpCall{.op = "o", .args = {}, .attrs = {make(Attr{.name = "b", .value = true}), make(Attr{.name = "a", .value = true})}});
  Ref<Binding> binding = make(Binding{.values = {}, .operation = unsorted, .dims = {}});
  Ref<Body> calls = make(Body{.params = {}, .bindings = {binding}, .results = {}});
  EXPECT_THAT(complaint(module_of(make(Function{.id = "f", .dims = {}, .body = calls}))), HasSubstr("attributes are sorted by name"));
}

} // namespace
} // namespace tw::test

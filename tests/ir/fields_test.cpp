// SPDX-License-Identifier: Apache-2.0
// Every kind of node in its general form, `Kind(field=value, …)`, and as a fragment: there and back.
#include "ir/build.h"
#include "ir/visit.h"
#include "round_trip.h"

#include <gmock/gmock.h>

#include <set>

namespace tw::test {
namespace {

using testing::HasSubstr;

// Holds every kind of node at least once.
std::vector<Ref<Node>> samples() {
  std::vector<Ref<Node>> out;
  out.push_back(parse(file_head + R"(
module(target="x86")

w = constant(f32, (2,), [1.0, 2.0])

@function(n=Dim(1, 64))
def main(x: Stored[Tensor[(n, 2), f32], arena(64)], y: Tuple[Tensor[(), bool], Sequence[Tensor[(), f32]]], z: Optional[Tensor[(), f64]]):
    t = Dim(0)
    c: Tensor[(), bool] = op("relu", x, None, w, a=True, b=3, c=1.5, d="s", e=f16, f=(1, 2), g=(1.0, nan), h=("a", "b"), i=n + 1, j=sizes(n, 4), k=Tensor[(n,), f32], l=expr(None), m=type(None), n=floats(), o=strings(), p=(), q=sizes(), r=expr(4), s=exp(1.0))
    def step(it: Tensor[(), i64], h: Tensor[(n, 2), f32]):
        return h
    a: Tensor[(n, 2), f32] = loop(step, init=(x,), trip=c, cond=c, stacked=0)
    a2: Stored[Tensor[(n, 2), f32], alias(of=x)] = k(x, scalars=(n, 2))
    def then():
        return a2
    b: Tensor[(n, 2), f32] = branch(c, then, then)
    return b

@kernel(kn=Dim(), km=Dim(multiple=4))
def k(A: In[(kn, km), f32], B: Out[(kn, km), f32, strides(km, 1)]):
    T = allocate((16,), f32, scope="local")
    for ki in parallel(1, kn):
        with block("b"):
            vi, vj = spatial(kn, ki), reduce(km, 0)
            where(vi < 3)
            reads(A[vi, 0:km])
            writes(B[vi, vj])
            hints(unroll=2)
            with init():
                T[ramp(0, 1, 8)] = broadcast(0.0, 8)
            B[vi, vj] = -A[vi, vj] + f32(vj) if vi < 2 else shuffle((T[ramp(0, 1, 2)],), (0,))
    while T[0] < 1.0:
        barrier()
    lx = 3
    if lx < 4:
        assert True, "m"
    with register_tile():
        tr, tc, tq = row(4), column(8), reduce(km)
        columns(3)
        acc = fold("max", -inf, A[tr, tq])
        B[tr, tc] = acc
    Evaluate(value=Lambda(params=(Var(id="p", type=f32),), results=(p,)))
)"));
  out.push_back(
      make(Origin{.kind = OriginKind::fused, .text = "a+b", .line = 3, .parts = {make(Origin{.kind = OriginKind::model, .text = "a"})}}));
  return out;
}

// All kinds of NodeList occur in the samples: a new kind fails here until it has one.
TEST(GeneralForm, SamplesHoldEveryKind) {
  std::set<std::string> seen;
  for (const auto& n : samples()) visit(n, [&](const Node& x) { seen.insert(kind_name(&x)); });
  []<class... T>(TypeList<T...>, const auto& names) {
    auto check = [&](const char* name) { EXPECT_TRUE(names.count(name)) << name; };
    (check(T::kind_name), ...);
  }(NodeList{}, seen);
}

// The general form of a whole module reads back equal: so every field of every kind does.
TEST(GeneralForm, ReadsBackEqual) {
  for (const auto& n : samples()) {
    std::string text = to_text(n.node(), {.fields = true});
    SCOPED_TRACE(text);
    Opt<Node> again = parse_fragment(text, Fragment::node);
    EXPECT_TRUE(equal(n, again));
    EXPECT_EQ(to_text(again.node(), {.fields = true}), text);
  }
}

// Each node of the module alone: names that it does not introduce come from the scope.
TEST(Fragments, ReadBackEqual) {
  int count = 0;
  for (const auto& root : samples()) {
    visit(root, [&](const Node& n, Walk walk) {
      walk(&n);
      if (as<Module>(&n)) return;
      Scope scope;
      visit(
          root, [&](const Var& v) { scope.names.insert_or_assign(to_text(&v), ref_to<Node>(v)); },
          [&](const Buffer& b, Walk) { scope.names.insert_or_assign(to_text(&b), ref_to<Node>(b)); },
          [&](const Value& x, Walk) { scope.names.insert_or_assign(to_text(&x), ref_to<Node>(x)); });
      for (bool fields : {false, true}) {
        std::string text = to_text(&n, {.fields = fields});
        SCOPED_TRACE(text);
        Fragment fragment = fields             ? Fragment::node
                            : as<Stmt>(&n)     ? Fragment::statement
                            : as<Callable>(&n) ? Fragment::callable
                                               : Fragment::node;
        Opt<Node> again = parse_fragment(text, fragment, {}, scope);
        EXPECT_TRUE(equal(&n, again.node())) << to_text(again);
        ++count;
      }
    });
  }
  EXPECT_GT(count, 300);
}

// Values of a Python scope stand for literals, types and nodes.
TEST(Fragments, CapturedValues) {
  Ref<Var> n = var("n");
  Scope scope;
  scope.find = [&](const std::string& name) -> std::optional<Captured> {
    if (name == "size") return Captured(int64_t{4});
    if (name == "alpha") return Captured(0.1);
    if (name == "element") return Captured(f16);
    if (name == "yes") return Captured(true);
    if (name == "text") return Captured(std::string("s"));
    if (name == "tw.n") return Captured(Ref<Node>(n));
    return {};
  };
  EXPECT_EQ(to_text(parse_expression("tw.n + size", scope)), "n + 4");
  EXPECT_EQ(to_text(parse_expression("f64(alpha) if yes else f64(size)", scope)), "f64(0.1) if True else f64(4.0)");
  EXPECT_EQ(to_text(parse_type("Tensor[(size,), element]", scope)), "Tensor[(4,), f16]");
  Ref<Module> m = parse("@kernel(a=alpha, s=size, t=text, y=yes, d=element)\ndef f():\n    pass\n", {}, scope);
  EXPECT_THAT(to_text(m), HasSubstr("@kernel(a=0.1, s=4, t=\"s\", y=True, d=f16)"));
}

// With a rule for result types, annotations may be left out.
TEST(Fragments, ResultTypesFromARule) {
  Scope scope;
  scope.result_types = [](const Operation& x) -> std::vector<Ref<Type>> { return {type_of(as<OpCall>(&x)->args[0].node())}; };
  Ref<Module> m = parse("@function\ndef f(x: Tensor[(4,), f32]):\n    y = relu(x)\n    return y\n", {}, scope);
  EXPECT_THAT(to_text(m), HasSubstr("y: Tensor[(4,), f32] = relu(x)"));
}

// Two identities of one name get different ones; a name is free again after its scope; odd names become words.
TEST(Names, AreUniqueWhereVisible) {
  Ref<Var> i = var("i"), j = var("i"), k = var("for"), l = var("conv/1.w"), e = var("");
  EXPECT_EQ(to_text(i + j + k + l + e), "i + i_1 + for_1 + conv_1_w + v");
  auto loop = [](const Ref<Var>& v, const Ref<Stmt>& body) { return make(For{.begin = imm(0), .extent = imm(2), .var = v, .body = body}); };
  Ref<Stmt> leaf = make(Evaluate{.value = i + j});
  EXPECT_EQ(to_text(make(Seq{.body = {loop(i, loop(j, leaf)), loop(k, make(Seq{}))}})),
            "for i in range(2):\n    for i_1 in range(2):\n        i + i_1\nfor for_1 in range(2):\n    pass\n");
}

// Data beyond sixteen elements is named by its hash, which finds it while it lives.
TEST(Constants, LargeOnesByHash) {
  std::vector<float> values(17, 0.5f);
  Ref<Constant> c = make(Constant{.type = tensor_type(shape_of({17}), f32), .data = Blob::of(std::span<const float>(values))});
  std::string text = to_text(c);
  EXPECT_THAT(text, HasSubstr("constant(f32, (17,), hash=\""));
  EXPECT_TRUE(equal(c, parse_fragment(text, Fragment::node)));
}

// Elements of every type survive, also those that a number cannot say (a NaN with payload).
TEST(Constants, EveryElementType) {
  for (const char* text :
       {"constant(f16, (3,), [0.1, -inf, nan])", "constant(bf16, (2,), [0.1, 65504.0])", "constant(f64, (2,), [0.1, 5e-324])",
        "constant(f32, (2,), [1e-45, -0.0])", "constant(i8, (2,), [-128, 127])", "constant(u64, (1,), [18446744073709551615])",
        "constant(i64, (), [-9223372036854775808])", "constant(bool, (2, 1), [True, False])", "constant(f32, (1,), bytes=\"0100c07f\")",
        "constant(bool, (1,), bytes=\"02\")"}) {
    Opt<Node> c = parse_fragment(text, Fragment::node);
    std::string printed = to_text(c);
    EXPECT_TRUE(equal(c, parse_fragment(printed, Fragment::node))) << printed;
    if (!std::string_view(text).starts_with("constant(f16") && !std::string_view(text).starts_with("constant(bf16")) {
      EXPECT_EQ(printed, text);
    }
  }
}

// Origins are printed on request and read back; texts from a file give their own.
TEST(Origins, AreTextToo) {
  std::string text = "x = 1  #@ model \"Conv_0\"\nfor i in range(x):  #@ fused \"a+b\" 7\n    barrier()  #@ pass \"vectorise\"\n";
  Ref<Stmt> s = parse_statement(text);
  EXPECT_EQ(to_text(s.node(), {.origins = true}), text);
  EXPECT_EQ(s->origin->text, Name("Conv_0"));
  Opt<Node> from_file = parse_fragment("x = 1\ny = 2\n", Fragment::statement, {.file = "k.py", .line = 5});
  EXPECT_EQ(as<Let>(as<Let>(from_file)->body)->origin->line, 6);
}

// Expressions whose exact form is easily lost: signs, literal types, order of operators, ranges.
TEST(Expressions, KeepTheirForm) {
  Scope scope;
  for (const char* name : {"i", "j"}) scope.names.emplace(name, var(name));
  scope.names.emplace("h", var("h", f16));
  scope.names.emplace("b", var("b", boolean));
  for (const char* text : {"-5",
                           "-(5)",
                           "-(-5)",
                           "i - -5",
                           "-i * --j",
                           "i - (j - 1)",
                           "i - j - 1",
                           "i // 2 % 3",
                           "i // (2 % j)",
                           "h * 0.5 + 1.0",
                           "f16(0.5)",
                           "f16(0.5) + f16(1.0)",
                           "not b and b",
                           "not (b and b)",
                           "(not b) == b",
                           "(i < j) == b",
                           "b or (b or b)",
                           "1 if b else 2 if b else 3",
                           "(1 if b else 2) if b else 3",
                           "f32(h)",
                           "cast(f16, 1.0)",
                           "cast(f32, True)",
                           "min(max(i, 0), 9223372036854775807)",
                           "pow(h, 2.0)",
                           "exp(f64(1.0))",
                           "i << 2 | j & 3 ^ ~i",
                           "f64(nan(0x7ff8000000000001))",
                           "-inf",
                           "1e+30",
                           "0.1",
                           "16777216.0",
                           "lambda: ()",
                           "lambda i: (i, j)"}) {
    Ref<Expr> e = parse_expression(text, scope);
    std::string printed = to_text(e);
    EXPECT_EQ(printed, text);
    EXPECT_TRUE(equal(e, parse_expression(printed, scope))) << printed;
  }
}

} // namespace
} // namespace tw::test

// SPDX-License-Identifier: Apache-2.0
// What cannot be imported, and what the user is told.
#include "import_support.h"

namespace tw::onnx::testing {
namespace {

TEST(ImportErrors, AllUnsupportedOperatorsAreListedAtOnceWithTheirNodes) {
  Builder b(13);
  b.input("x", {2}).node("Foo", {"x"}, {"a"}).node("Bar", {"a"}, {"b"}).node("Foo", {"b"}, {"y"}).output("y");
  b.graph().mutable_node(1)->set_domain("x.y");
  b.proto.add_opset_import()->set_domain("x.y");
  b.proto.mutable_opset_import(1)->set_version(1);
  Failure failure = b.failure();
  EXPECT_EQ(failure.kind, ErrorKind::unsupported);
  EXPECT_THAT(failure.text, HasSubstr("2 operators: Foo at nodes 'Foo_0', 'Foo_2'; Bar (domain x.y) at node 'Bar_1'"));
}

TEST(ImportErrors, TypesAttributesAndInputsThatCannotBeImportedAreInTheSameList) {
  Builder b(13);
  b.input("s", {2}, 8).input("x", {2}).node("Foo", {"s"}, {"a"}).node("Cast", {"x"}, {"y"}, {{"to", 8}}).output("y");
  b.graph().add_input()->set_name("unknown");
  EXPECT_THAT(b.failure().text, AllOf(HasSubstr("1 operator: Foo"), HasSubstr("input 's' is a string[2]"),
                                      HasSubstr("(Cast): a cast to string"), HasSubstr("input 'unknown' is a unknown")));
}

TEST(ImportErrors, AMistakeInsideNamesTheNode) {
  Builder b(13);
  b.input("x", {2, 3}).input("w", {4, 5}).node("MatMul", {"x", "w"}, {"y"}).output("y");
  Failure failure = b.failure();
  EXPECT_EQ(failure.kind, ErrorKind::user);
  EXPECT_THAT(failure.text, AllOf(HasSubstr("inner dimensions"), HasSubstr("node 'MatMul_0' (MatMul)")));
}

TEST(ImportErrors, AMissingInputIsNamedByItsPlace) {
  Builder b(13);
  b.input("x", {2}).node("Add", {"x", ""}, {"y"}).output("y");
  EXPECT_THAT(b.failure().text, AllOf(HasSubstr("input 1"), HasSubstr("missing"), HasSubstr("Add_0")));
}

TEST(ImportErrors, ADeclarationThatContradictsTheNodeIsAUserError) {
  Builder b(13);
  b.input("x", {2, 3}).node("Relu", {"x"}, {"h"}).declare("h", {2, 4}).node("Relu", {"h"}, {"y"}).output("y");
  Failure failure = b.failure();
  EXPECT_EQ(failure.kind, ErrorKind::user);
  EXPECT_THAT(failure.text, AllOf(HasSubstr("the model declares 'h' as float32[2, 4], but it is f32(2, 3)"), HasSubstr("Relu_0")));
}

TEST(ImportErrors, ValuesThatMustBeKnownSayWhich) {
  Builder b(13);
  b.input("x", {2, 3}).input("axes", {1}, 7).node("ReduceSum", {"x", "axes"}, {"y"}).output("y");
  Failure failure = b.failure();
  EXPECT_EQ(failure.kind, ErrorKind::unsupported);
  EXPECT_THAT(failure.text, AllOf(HasSubstr("input 1 ('axes') must be known"), HasSubstr("make it a constant")));
}

TEST(ImportErrors, OptionsThatTheModelDoesNotHaveAreUserErrors) {
  Builder b(13);
  b.input("x", {"n"}).node("Relu", {"x"}, {"y"}).output("y");
  ImportOptions dims, values, wrong, negative;
  dims.dims["batch"] = 1;
  negative.dims["n"] = -1;
  values.values.emplace("z", floats({1}, {1}));
  wrong.values.emplace("x", ints({1}, {1}));
  auto text = [&](const ImportOptions& o) { return failure_of([&] { b.import(o); }).text; };
  EXPECT_THAT(text(dims), AllOf(HasSubstr("no symbolic dimension 'batch'"), HasSubstr("it has n")));
  EXPECT_THAT(text(negative), HasSubstr("'n' is given the size -1"));
  EXPECT_THAT(text(values), HasSubstr("no input 'z'"));
  EXPECT_THAT(text(wrong), HasSubstr("expected a value of float32[n], found i64[1]"));
}

TEST(ImportErrors, SizesOfAReshapeAreChecked) {
  auto reshape = [](std::vector<int64_t> target) {
    Builder b(13);
    b.input("x", {2, 3}).constant("t", {static_cast<int64_t>(target.size())}, target).node("Reshape", {"x", "t"}, {"y"}).output("y");
    return b.failure().text;
  };
  EXPECT_THAT(reshape({-1, -1}), HasSubstr("at most one size may be -1, found dimensions 0 and 1"));
  EXPECT_THAT(reshape({-2, 3}), HasSubstr("must be -1, 0 or positive, found -2"));
  EXPECT_THAT(reshape({2, 3, 0}), HasSubstr("size 0 in dimension 2 keeps the input's size, but the input has rank 2"));
  EXPECT_THAT(reshape({4, 2}), HasSubstr("cannot reshape 6 elements"));
}

TEST(ImportErrors, WrongAttributesSayWhatIsExpected) {
  auto text = [](const char* op, std::vector<Dim> shape, const std::vector<A>& attributes, int64_t opset = 13) {
    Builder b(opset);
    b.input("x", shape).node(op, {"x"}, {"y"}, attributes).output("y");
    return b.failure().text;
  };
  EXPECT_THAT(text("Transpose", {2, 3}, {{"perm", std::vector<int64_t>{0}}}), HasSubstr("attribute 'perm' must have 2 values"));
  EXPECT_THAT(text("Flatten", {2, 3}, {{"axis", 5}}), HasSubstr("axis must be in [-2, 2]"));
  EXPECT_THAT(text("Split", {4}, {{"num_outputs", 2}}, 18), HasSubstr("'num_outputs' is 2, but the node has 1 outputs"));
  EXPECT_THAT(text("MaxPool", {1, 1, 4}, {{"kernel_shape", std::vector<int64_t>{0}}}), HasSubstr("at least 1, found 0"));
  EXPECT_THAT(text("MaxPool", {1, 1, 4}, {{"kernel_shape", std::vector<int64_t>{2}}, {"auto_pad", "SOME"}}), HasSubstr("found 'SOME'"));
  EXPECT_THAT(text("MaxPool", {1, 1, 4}, {{"kernel_shape", std::vector<int64_t>{2}}, {"pads", std::vector<int64_t>{1}}}),
              HasSubstr("'pads' must have 2 values, found 1"));
  EXPECT_THAT(text("AveragePool", {4}, {{"kernel_shape", std::vector<int64_t>{2}}}), HasSubstr("rank 3 or more"));
  EXPECT_THAT(text("DepthToSpace", {1, 4, 1, 1}, {{"blocksize", 2}, {"mode", "ABC"}}), HasSubstr("DCR or CRD, found 'ABC'"));
  EXPECT_THAT(text("Gemm", {4}, {}), HasSubstr("rank 2"));
}

TEST(ImportErrors, TheListOfOperatorsIsSortedAndNamesDomains) {
  auto names = supported_operators();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, ::testing::IsSupersetOf({"Conv", "If", "LSTM", "com.microsoft.FusedConv", "ai.onnx.ml.TreeEnsembleRegressor"}));
}

} // namespace
} // namespace tw::onnx::testing

// SPDX-License-Identifier: Apache-2.0
// Every primitive by its declaration: the example holds, its numbers stay, its trace does it again, and what it must refuse it refuses.
#include "schedule/trace.h"

#include "ir/text.h"
#include "ir/verify.h"
#include "kernels.h"

namespace tw {
namespace {

using namespace schedule;

std::string example_text(const Primitive& p, const char* body) {
  std::string head = *p.dims ? fmt::format("@kernel({})", p.dims) : "@kernel", lines;
  for (std::string_view rest = body; !rest.empty();) {
    size_t end = std::min(rest.find('\n'), rest.size());
    lines += end == 0 ? "\n" : fmt::format("    {}\n", rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fmt::format("{}\ndef test({}):\n{}", head, p.takes, lines);
}
Ref<Kernel> example(const Primitive& p, const char* body) {
  return as_ref<Kernel>(parse_fragment(example_text(p, body), Fragment::callable));
}

class EachPrimitive : public ::testing::TestWithParam<const Primitive*> {
protected:
  const Primitive& p = *GetParam();
  Target target;
  std::vector<std::vector<int64_t>> sizes() const {
    return *p.dims ? std::vector<std::vector<int64_t>>{{1}, {8}, {13}} : std::vector<std::vector<int64_t>>{{}};
  }
};

TEST_P(EachPrimitive, DoesWhatItsExampleSays) {
  Ref<Kernel> before = example(p, p.before);
  Schedule s(before, target);
  s.keep_trace();
  apply_trace(s, p.call);
  Ref<Kernel> after = example(p, p.after);
  EXPECT_TRUE(equal(after, s.kernel())) << "expected\n" << to_text(after) << "found\n" << to_text(s.kernel());
  EXPECT_EQ(testing::misplaced(*s.kernel()), "");
  testing::expect_same(before, s, sizes());
}

TEST_P(EachPrimitive, LeavesATraceThatDoesItAgain) {
  Schedule s(example(p, p.before), target), again = s;
  s.keep_trace();
  apply_trace(s, p.call);
  std::string trace = s.trace()->text;
  again.keep_trace();
  apply_trace(again, trace);
  EXPECT_TRUE(equal(s.kernel(), again.kernel())) << trace << to_text(again.kernel());
  EXPECT_EQ(again.trace()->text, trace);
}

TEST_P(EachPrimitive, RefusesWithASentenceAndLeavesTheKernel) {
  EXPECT_FALSE(p.refused.empty());
  for (const Refusal& r : p.refused) {
    Schedule s(example(p, p.before), target);
    Ref<Kernel> before = s.kernel();
    testing::expect_refused([&] { apply_trace(s, r.call); }, r.sentence);
    EXPECT_TRUE(s.kernel().same_as(before));
  }
}

TEST_P(EachPrimitive, SaysWhatItsArgumentsAre) {
  EXPECT_EQ(p.parameters.size(), p.parameter_kinds.size());
  EXPECT_GT(std::string(p.doc).size(), 20u);
  EXPECT_EQ(find_primitive(p.name), &p);
}

INSTANTIATE_TEST_SUITE_P(Primitives, EachPrimitive, ::testing::ValuesIn(table().begin(), table().end()),
                         [](const auto& info) { return std::string(info.param->name); });

} // namespace
} // namespace tw

// SPDX-License-Identifier: Apache-2.0
// A descriptor is the word of a compiler that may be of another version or have a bug: each thing the runtime relies on is checked.
#include "support.h"

namespace tw::test {
namespace {

std::string refusal(void (*change)(Parts&), tw_status status = TW_INTERNAL_ERROR, void (*after)(tw_module_descriptor&) = nullptr) {
  Parts parts;
  change(parts);
  parts.finished();
  if (after != nullptr) after(parts.descriptor);
  int released = 0;
  tw_module* module = nullptr;
  EXPECT_EQ(tw_module_wrap(
                &parts.descriptor, &released, [](void* count) { ++*static_cast<int*>(count); }, &module),
            status);
  EXPECT_EQ(released, 0);
  const std::string error = tw_last_error(), begin = "module '(in memory)': ";
  EXPECT_TRUE(error.starts_with(begin)) << error;
  return error.substr(std::min(begin.size(), error.size()));
}

TEST(Descriptor, of_another_version_is_refused) {
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.version = 4; }, TW_UNSUPPORTED),
            "expected a descriptor of version 3, found version 4; compile the model again with the compiler of this runtime");
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.size = 8; }),
            "expected a descriptor of " + std::to_string(sizeof(tw_module_descriptor)) + " bytes, found one of 8 bytes");
}

TEST(Descriptor, without_texts_is_refused) {
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.name = nullptr; }), "expected a text in the descriptor's name, found null");
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.features = nullptr; }), "expected a text in the descriptor's features, found null");
  EXPECT_EQ(refusal([](Parts& p) { p.input(nullptr, {}); }), "expected a text in the descriptor's input 0's name, found null");
  EXPECT_EQ(refusal([](Parts& p) { p.launches.push_back({}); }), "expected a text in the descriptor's launches[0].name, found null");
}

TEST(Descriptor, with_counts_that_cannot_be_is_refused) {
  const auto nothing = [](Parts&) {};
  EXPECT_EQ(refusal(nothing, TW_INTERNAL_ERROR, [](auto& d) { d.input_count = -1; }),
            "expected a number of inputs that is not negative, found -1");
  EXPECT_EQ(refusal(nothing, TW_INTERNAL_ERROR, [](auto& d) { d.slot_count = -2; }),
            "expected a number of slots that is not negative, found -2");
  EXPECT_EQ(refusal(nothing, TW_INTERNAL_ERROR, [](auto& d) { d.output_count = 3, d.outputs = nullptr; }),
            "expected a list of 3 outputs, found null");
}

TEST(Descriptor, with_symbols_that_cannot_be_is_refused) {
  EXPECT_EQ(refusal([](Parts& p) { p.with_symbol("n", 5, 4).input("x", {symbol(0)}); }),
            "symbol 'n': expected 0 <= minimum <= maximum and a multiple that is not negative, found 5, 4, 1");
  EXPECT_EQ(refusal([](Parts& p) { p.with_symbol("n").output("y", {symbol(0)}); }),
            "symbol 'n' stands in no input, so nothing gives it a value");
}

TEST(Descriptor, with_ports_that_cannot_be_is_refused) {
  EXPECT_EQ(refusal([](Parts& p) { p.input("x", {}, {0, 4, 1}); }), "input 0 'x': expected a type of whole bytes and one lane, found i4");
  EXPECT_EQ(refusal([](Parts& p) {
              p.output("y", {}, {2, 32, 4});
            }),
            "output 0 'y': expected a type of whole bytes and one lane, found f32x4");
  EXPECT_EQ(refusal([](Parts& p) { p.input("x", std::vector<tw_dimension>(33, fixed(1))); }),
            "input 0 'x': expected a rank from 0 to 32 and its dimensions, found rank 33");
  EXPECT_EQ(refusal([](Parts& p) { p.input("x", {symbol(3)}); }),
            "input 0 'x' dimension 0: expected a size or one of 0 symbols, found size 0 and symbol 3");
  EXPECT_EQ(refusal([](Parts& p) {
              p.input("x", {fixed(2), computed()});
            }),
            "input 0 'x' dimension 1: expected a size or one of 0 symbols, found size 0 and symbol -2");
  EXPECT_EQ(refusal([](Parts& p) { p.output("y", {fixed(-2)}); }),
            "output 0 'y' dimension 0: expected a size or one of 0 symbols, found size -2 and symbol -1");
}

TEST(Descriptor, with_memory_or_functions_that_cannot_be_is_refused) {
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.weight_bytes = 4; }),
            "expected 4 bytes of weights, aligned to 64 bytes, found them elsewhere or none");
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.scratch_bytes = 100; }), "expected scratch_bytes to be a multiple of 64, found 100");
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.entry = nullptr; }), "expected an entry function, found null");
  EXPECT_EQ(refusal([](Parts& p) { p.descriptor.offset_count = 1; }), "expected a plan function for its offsets, found null");
}

// A compiler may make a module for another machine and write it to a file; only running it here is refused.
TEST(Descriptor, for_another_processor_makes_a_module_but_no_session) {
  Parts parts;
  parts.finished();
  parts.descriptor.features = "sse2,quantum";
  tw_module* module = nullptr;
  ASSERT_EQ(tw_module_wrap(&parts.descriptor, nullptr, nullptr, &module), TW_OK);
  tw_session* session = nullptr;
  EXPECT_EQ(tw_session_create(module, nullptr, &session), TW_UNSUPPORTED);
  EXPECT_THAT(tw_last_error(), ::testing::HasSubstr("': this processor lacks quantum; compile the model for an older target"));
  EXPECT_EQ(session, nullptr);
  tw_module_release(module);
}

TEST(Descriptor, null_pointers_are_refused) {
  Parts parts;
  tw_module* module = nullptr;
  EXPECT_EQ(tw_module_wrap(nullptr, nullptr, nullptr, &module), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_module_wrap: expected a descriptor, found NULL");
  EXPECT_EQ(tw_module_wrap(&parts.finished(), nullptr, nullptr, nullptr), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_module_wrap: expected a place for the module, found NULL");
  EXPECT_EQ(tw_module_describe(nullptr), nullptr);
}

} // namespace
} // namespace tw::test

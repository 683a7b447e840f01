// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <cstring>

namespace tw::test {
namespace {

using ::testing::ElementsAre;

// y = x + 1 for f32 (n, m), backwards, so that an output over its input would go wrong.
struct Adding : Parts {
  Adding() {
    with_symbol("n").with_symbol("m").input("x", {symbol(0), symbol(1)}).output("y", {symbol(0), symbol(1)});
    descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
      const auto x = static_cast<const float*>(run->inputs[0]);
      const auto y = static_cast<float*>(run->outputs[0]);
      const int64_t count = run->symbols[0] * run->symbols[1];
      if (thread == 0)
        for (int64_t i = 0; i < count; ++i) y[i] = x[count - 1 - i] + 1;
      return 0;
    };
  }
};

// Keeps the positive elements: a shape that is known only during the run. The count goes through a slot.
struct Filtering : Parts {
  Filtering() {
    with_symbol("n").input("x", {symbol(0)}).output("y", {computed(), fixed(1)});
    descriptor.slot_count = 2;
    descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
      const auto x = static_cast<const float*>(run->inputs[0]);
      if (thread == 0 && run->outputs[0] != nullptr) return 1;
      if (thread == 0) {
        const auto kept = static_cast<float*>(run->services->allocate(run, 1, run->symbols[0] * static_cast<int64_t>(sizeof(float))));
        if (kept == nullptr) return 1;
        int64_t shape[2] = {0, 1};
        for (int64_t i = 0; i < run->symbols[0]; ++i)
          if (x[i] > 0) kept[shape[0]++] = x[i];
        if (run->services->output(run, 0, 2, shape) == nullptr) return 1;
      }
      if (run->services->barrier(run, thread) != 0) return 1;
      // Another thread than the one that allocated reads the slot.
      if (thread == run->threads - 1) {
        int64_t count = 0;
        for (int64_t i = 0; i < run->symbols[0]; ++i) count += x[i] > 0 ? 1 : 0;
        std::memcpy(run->outputs[0], run->slots[1], static_cast<size_t>(count) * sizeof(float));
      }
      return 0;
    };
  }
};

tw_options threads(int32_t count) {
  tw_options options{};
  options.threads = count;
  return options;
}

TEST(Outputs, of_the_session_describe_themselves_and_stay_until_the_next_run) {
  Adding parts;
  Session session(parts);
  Floats x = Floats::counting({2, 3});
  std::vector<tw_tensor> outputs(1);
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_EQ(outputs[0].device_type, 1);
  EXPECT_EQ(outputs[0].ndim, 2);
  EXPECT_EQ(outputs[0].strides, nullptr);
  EXPECT_EQ(outputs[0].dtype.bits, 32);
  EXPECT_THAT(std::vector<int64_t>(outputs[0].shape, outputs[0].shape + 2), ElementsAre(2, 3));
  EXPECT_THAT(values(outputs[0]), ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST(Outputs, of_the_user_are_written_in_place) {
  Adding parts;
  Session session(parts);
  Floats x = Floats::counting({2, 2}), y{std::vector<float>(4), {2, 2}, {}};
  std::vector<tw_tensor> outputs{y.tensor()};
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_EQ(outputs[0].data, y.data.data());
  EXPECT_THAT(y.data, ElementsAre(4, 3, 2, 1));
}

TEST(Outputs, of_the_user_may_have_gaps) {
  Adding parts;
  Session session(parts);
  Floats x = Floats::counting({2, 2}), y{std::vector<float>(8, -1.f), {2, 2}, {4, 2}};
  std::vector<tw_tensor> outputs{y.tensor()};
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(y.data, ElementsAre(4, -1, 3, -1, 2, -1, 1, -1));
}

TEST(Outputs, of_the_user_may_lie_over_an_input) {
  Adding parts;
  Session session(parts);
  Floats x = Floats::counting({2, 3});
  std::vector<tw_tensor> outputs{x.tensor()};
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(x.data, ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST(Outputs, of_the_user_with_another_type_or_shape_are_refused) {
  Adding parts;
  Session session(parts);
  Floats x = Floats::counting({2, 2}), y{std::vector<float>(6), {2, 3}, {}};
  std::vector<tw_tensor> outputs{y.tensor()};
  EXPECT_EQ(session.run({x.tensor()}, outputs), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "output 'y': expected memory for f32 (n, m), found f32 (2, 3); n is 2; m is 2");
  outputs[0].dtype = i64;
  EXPECT_EQ(session.run({x.tensor()}, outputs), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "output 'y': expected memory for f32 (n, m), found i64 (2, 3); n is 2; m is 2");
  outputs[0] = y.tensor();
  outputs[0].device_type = 3;
  EXPECT_EQ(session.run({x.tensor()}, outputs), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "output 'y': expected memory of the processor (device type 1), found device type 3");
}

TEST(Outputs, may_get_their_shape_during_the_run) {
  for (int32_t count : {1, 2, 4}) {
    Filtering parts;
    Session session(parts, threads(count));
    for (const auto& numbers : {std::vector<float>{1, -2, 3}, std::vector<float>{-1}, std::vector<float>{5, 6, -7, 8}}) {
      Floats x{numbers, {static_cast<int64_t>(numbers.size())}, {}};
      std::vector<tw_tensor> outputs(1);
      ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
      std::vector<float> positive = numbers;
      std::erase_if(positive, [](float number) { return number <= 0; });
      EXPECT_EQ(values(outputs[0]), positive);
      EXPECT_EQ(outputs[0].shape[0], static_cast<int64_t>(positive.size()));
    }
  }
}

TEST(Outputs, of_the_user_that_the_run_finds_too_small_are_refused_and_all_threads_end) {
  for (int32_t count : {1, 2, 4}) {
    Filtering parts;
    Session session(parts, threads(count));
    Floats x{{1, 2, -3}, {3}, {}}, y{std::vector<float>(3), {3, 1}, {}};
    std::vector<tw_tensor> outputs{y.tensor()};
    EXPECT_EQ(session.run({x.tensor()}, outputs), TW_USER_ERROR);
    EXPECT_STREQ(tw_last_error(),
                 "output 'y': expected memory for f32 (2, 1), found f32 (3, 1); its shape is known only during the run: pass no "
                 "data to let the session provide memory");
    y.shape = {2, 1};
    outputs = {y.tensor()};
    EXPECT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
    EXPECT_THAT(y.data, ElementsAre(1, 2, 0));
  }
}

// What the entry below asks for, and with which values.
struct Request {
  int32_t index = 0, rank = 1, slot = -1;
  int64_t shape[2] = {0, 0}, bytes = 0;
} request;

TEST(Outputs, that_contradict_the_descriptor_are_the_modules_fault) {
  Parts parts;
  parts.output("y", {computed()});
  parts.descriptor.slot_count = 1;
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    if (thread != 0 || request.index == 77) return 0;
    if (request.slot != -1) return run->services->allocate(run, request.slot, request.bytes) == nullptr ? 1 : 0;
    return run->services->output(run, request.index, request.rank, request.shape) == nullptr ? 1 : 0;
  };
  Session session(parts);
  const auto error_of = [&](const Request& wanted, tw_status status) {
    request = wanted;
    std::vector<tw_tensor> outputs(1);
    EXPECT_EQ(session.run({}, outputs), status);
    EXPECT_EQ(outputs[0].data, nullptr);
    return std::string(tw_last_error());
  };
  EXPECT_EQ(error_of({.index = 77}, TW_INTERNAL_ERROR), "output 'y': the module ended its run without producing it");
  EXPECT_EQ(error_of({.index = 1}, TW_INTERNAL_ERROR), "expected an output from 0 to 0, the module asked for 1");
  EXPECT_EQ(error_of({.rank = 2, .shape = {3, 4}}, TW_INTERNAL_ERROR), "output 'y': expected f32 (?), computed f32 (3, 4)");
  EXPECT_EQ(error_of({.rank = 33}, TW_INTERNAL_ERROR), "output 0: expected a rank from 0 to 32, the module computed 33");
  EXPECT_EQ(error_of({.shape = {-4}}, TW_INTERNAL_ERROR), "output 'y': expected f32 (?), computed f32 (-4)");
  EXPECT_EQ(error_of({.shape = {INT64_MAX}}, TW_USER_ERROR),
            "output 'y': expected a size that fits into memory, found f32 (9223372036854775807); use smaller inputs");
  EXPECT_THAT(error_of({.shape = {int64_t{1} << 50}}, TW_USER_ERROR),
              ::testing::StartsWith("cannot allocate 4503599627370496 bytes for output 'y'"));
  EXPECT_EQ(error_of({.slot = 5}, TW_INTERNAL_ERROR), "expected a slot from 0 to 0, the module asked for 5");
  EXPECT_EQ(error_of({.slot = 0, .bytes = -1}, TW_USER_ERROR),
            "a value computed during the run is too large for memory (slot 0); use smaller inputs");
  EXPECT_THAT(error_of({.slot = 0, .bytes = int64_t{1} << 50}, TW_USER_ERROR),
              ::testing::StartsWith("cannot allocate 1125899906842624 bytes for a value computed during the run"));
}

} // namespace
} // namespace tw::test

// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

namespace tw::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Copies input 0 to output 0: both are f32 and of the shape (n, m).
int32_t copy_entry(tw_run* run, int32_t thread) {
  if (thread == 0) std::memcpy(run->outputs[0], run->inputs[0], static_cast<size_t>(run->symbols[0] * run->symbols[1]) * sizeof(float));
  return 0;
}

struct Copying : Parts {
  Copying() {
    with_symbol("n").with_symbol("m").input("x", {symbol(0), symbol(1)}).output("y", {symbol(0), symbol(1)});
    descriptor.entry = copy_entry;
  }
};

TEST(Inputs, errors_say_what_was_expected_and_found) {
  Parts parts;
  parts.with_symbol("n").input("x", {symbol(0), fixed(3), fixed(224), fixed(224)});
  Session session(parts);
  std::vector<int64_t> shape{1, 3, 224, 225};
  float none = 0;
  tw_tensor x{&none, 1, 0, 4, f32, shape.data(), nullptr, 0};
  EXPECT_EQ(session.error_of({x}), "input 'x': expected f32 (n, 3, 224, 224), found f32 (1, 3, 224, 225)");
  x.dtype = f16;
  EXPECT_EQ(session.error_of({x}), "input 'x': expected f32 (n, 3, 224, 224), found f16 (1, 3, 224, 225)");
  x.dtype = {9, 4, 2};
  EXPECT_EQ(session.error_of({x}), "input 'x': expected f32 (n, 3, 224, 224), found a type of code 9 and 4 bitsx2 (1, 3, 224, 225)");
  x.dtype = boolean;
  x.ndim = 2;
  EXPECT_EQ(session.error_of({x}), "input 'x': expected f32 (n, 3, 224, 224), found bool (1, 3)");
}

TEST(Inputs, what_is_no_tensor_is_refused) {
  Copying parts;
  Session session(parts);
  Floats x = Floats::counting({2, 2});
  const auto error = [&](auto change) {
    tw_tensor tensor = x.tensor();
    change(tensor);
    std::vector<tw_tensor> outputs(1);
    EXPECT_EQ(session.run({tensor}, outputs), TW_USER_ERROR);
    return std::string(tw_last_error());
  };
  std::vector<int64_t> negative{2, -1}, huge{int64_t{1} << 40, int64_t{1} << 40}, wild{INT64_MAX / 2, 1};
  EXPECT_EQ(error([](tw_tensor& t) { t.device_type = 2; }),
            "input 'x': expected memory of the processor (device type 1), found device type 2");
  EXPECT_EQ(error([](tw_tensor& t) { t.ndim = 33; }), "input 'x': expected a rank from 0 to 32, found 33");
  EXPECT_EQ(error([](tw_tensor& t) { t.ndim = -1; }), "input 'x': expected a rank from 0 to 32, found -1");
  EXPECT_EQ(error([](tw_tensor& t) { t.shape = nullptr; }), "input 'x': expected a shape of 2 dimensions, found a null pointer");
  EXPECT_EQ(error([](tw_tensor& t) { t.data = nullptr; }), "input 'x': expected data for f32 (2, 2), found a null pointer");
  EXPECT_EQ(error([&](tw_tensor& t) { t.shape = negative.data(); }),
            "input 'x': expected dimensions that are not negative, found f32 (2, -1)");
  EXPECT_EQ(error([&](tw_tensor& t) { t.shape = huge.data(); }),
            "input 'x': expected a size that fits into memory, found f32 (1099511627776, 1099511627776)");
  EXPECT_EQ(error([&](tw_tensor& t) { t.strides = wild.data(); }), "input 'x': expected a size that fits into memory, found f32 (2, 2)");
}

TEST(Inputs, wrong_numbers_of_tensors_are_refused) {
  Copying parts;
  Session session(parts);
  Floats x = Floats::counting({2, 2});
  std::vector<tw_tensor> outputs(1), none;
  EXPECT_EQ(session.run({}, outputs), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "module 'test': expected 1 inputs, found 0");
  EXPECT_EQ(session.run({x.tensor()}, none), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "module 'test': expected 1 outputs, found 0");
  EXPECT_EQ(tw_session_run(session.get(), nullptr, 1, outputs.data(), 1), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_session_run: expected a list of inputs, found NULL");
  const tw_tensor tensor = x.tensor();
  EXPECT_EQ(tw_session_run(session.get(), &tensor, 1, nullptr, 1), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_session_run: expected a list of outputs, found NULL");
  EXPECT_EQ(tw_session_run(session.get(), &tensor, -1, nullptr, 0), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_session_run: expected counts that are not negative, found -1 inputs and 0 outputs");
  EXPECT_EQ(tw_session_run(nullptr, &tensor, 1, nullptr, 0), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_session_run: expected a session, found NULL");
}

TEST(Inputs, symbols_take_the_first_size_and_later_ones_must_agree) {
  Parts parts;
  parts.with_symbol("n").input("a", {symbol(0)}).input("b", {symbol(0), fixed(2)});
  Session session(parts);
  Floats a = Floats::counting({3}), b = Floats::counting({4, 2}), good = Floats::counting({3, 2});
  EXPECT_EQ(session.error_of({a.tensor(), b.tensor()}), "input 'b': expected f32 (n, 2), found f32 (4, 2); n is 3 by input 'a'");
  std::vector<tw_tensor> none;
  EXPECT_EQ(session.run({a.tensor(), good.tensor()}, none), TW_OK) << tw_last_error();
}

TEST(Inputs, symbols_keep_to_their_bounds_and_multiples) {
  Parts parts;
  parts.with_symbol("n", 2, 8, 2).input("x", {symbol(0)});
  Session session(parts);
  Floats one = Floats::counting({0}), three = Floats::counting({3}), nine = Floats::counting({10}), four = Floats::counting({4});
  EXPECT_EQ(session.error_of({one.tensor()}), "input 'x': expected f32 (n), found f32 (0); n must be from 2 to 8");
  EXPECT_EQ(session.error_of({nine.tensor()}), "input 'x': expected f32 (n), found f32 (10); n must be from 2 to 8");
  EXPECT_EQ(session.error_of({three.tensor()}), "input 'x': expected f32 (n), found f32 (3); n must be a multiple of 2");
  std::vector<tw_tensor> none;
  EXPECT_EQ(session.run({four.tensor()}, none), TW_OK) << tw_last_error();
}

TEST(Inputs, strided_ones_arrive_dense) {
  Copying parts;
  Session session(parts);
  Floats x = Floats::counting({24});
  std::vector<tw_tensor> outputs(1);
  x.shape = {3, 2};
  x.strides = {1, 3}; // the transpose of (2, 3)
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(values(outputs[0]), ElementsAre(0, 3, 1, 4, 2, 5));
  x.strides = {8, 2}; // a window with gaps, one element in
  tw_tensor window = x.tensor();
  window.byte_offset = sizeof(float);
  outputs.assign(1, {});
  ASSERT_EQ(session.run({window}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(values(outputs[0]), ElementsAre(1, 3, 9, 11, 17, 19));
  x.strides = {0, 1}; // one row, three times
  outputs.assign(1, {});
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(values(outputs[0]), ElementsAre(0, 1, 0, 1, 0, 1));
  x.strides = {-2, -1}; // backwards from the sixth element
  tw_tensor backwards = x.tensor();
  backwards.data = x.data.data() + 5;
  outputs.assign(1, {});
  ASSERT_EQ(session.run({backwards}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(values(outputs[0]), ElementsAre(5, 4, 3, 2, 1, 0));
  x.shape = {1, 4};
  x.strides = {INT64_MAX, 1}; // the stride of a dimension of size 1 means nothing
  outputs.assign(1, {});
  ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  EXPECT_THAT(values(outputs[0]), ElementsAre(0, 1, 2, 3));
}

TEST(Inputs, misaligned_ones_arrive_aligned) {
  Parts parts;
  parts.input("x", {fixed(4)}).output("y", {fixed(4)});
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    if (reinterpret_cast<uintptr_t>(run->inputs[0]) % sizeof(float) != 0) return 1;
    if (thread == 0) std::memcpy(run->outputs[0], run->inputs[0], 4 * sizeof(float));
    return 0;
  };
  Session session(parts);
  const std::vector<float> numbers{1, 2, 3, 4};
  std::vector<unsigned char> bytes(1 + 4 * sizeof(float));
  std::memcpy(bytes.data() + 1, numbers.data(), 4 * sizeof(float));
  int64_t shape = 4;
  std::vector<tw_tensor> outputs(1);
  ASSERT_EQ(session.run({{bytes.data() + 1, 1, 0, 1, f32, &shape, nullptr, 0}}, outputs), TW_OK) << tw_last_error();
  EXPECT_EQ(values(outputs[0]), numbers);
}

TEST(Inputs, an_empty_one_needs_no_data) {
  Copying parts;
  Session session(parts);
  std::vector<int64_t> shape{0, 5};
  std::vector<tw_tensor> outputs(1);
  ASSERT_EQ(session.run({{nullptr, 1, 0, 2, f32, shape.data(), nullptr, 0}}, outputs), TW_OK) << tw_last_error();
  EXPECT_NE(outputs[0].data, nullptr);
  EXPECT_EQ(outputs[0].shape[0], 0);
}

int planned = 0;
TEST(Memory, poison_is_nan_wherever_a_module_may_write) {
  Parts parts;
  parts.output("y", {fixed(2)}).output("z", {fixed(2)});
  parts.descriptor.plan = [](const int64_t*, int64_t*) { return int64_t{64}; };
  parts.descriptor.scratch_bytes = 64;
  parts.descriptor.entry = [](tw_run* run, int32_t thread) {
    if (thread != 0) return 0;
    static_cast<float*>(run->outputs[0])[0] = *reinterpret_cast<float*>(run->arena);
    static_cast<float*>(run->outputs[0])[1] = *reinterpret_cast<float*>(run->scratch);
    *reinterpret_cast<float*>(run->arena) = *reinterpret_cast<float*>(run->scratch) = 1;
    return 0;
  };
  setenv("TENSORWRIGHT_POISON", "1", 1);
  Session session(parts);
  unsetenv("TENSORWRIGHT_POISON");
  for (int run = 0; run < 2; ++run) {
    std::vector<tw_tensor> outputs(2);
    ASSERT_EQ(tw_session_run(session.get(), nullptr, 0, outputs.data(), 2), TW_OK);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(static_cast<const float*>(outputs[i / 2].data)[i % 2])) << run << " " << i;
  }
}

int64_t arena_size = 0;

TEST(Memory, is_planned_when_symbols_change_and_stays_when_they_do_not) {
  Parts parts;
  parts.with_symbol("n").input("x", {symbol(0)}).output("arena", {fixed(1)}, i64);
  parts.descriptor.offset_count = 1;
  parts.descriptor.plan = [](const int64_t* symbols, int64_t* offsets) -> int64_t {
    ++planned;
    offsets[0] = symbols[0] * 10;
    return symbols[0] * 1000;
  };
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    if (thread != 0) return 0;
    if (run->offsets[0] != run->symbols[0] * 10 || reinterpret_cast<uintptr_t>(run->arena) % 64 != 0) return 1;
    std::memset(run->arena, 1, static_cast<size_t>(run->symbols[0] * 1000));
    *static_cast<int64_t*>(run->outputs[0]) = reinterpret_cast<int64_t>(run->arena);
    return 0;
  };
  Session session(parts);
  const auto run = [&](int64_t n) {
    Floats x = Floats::counting({n});
    std::vector<tw_tensor> outputs(1);
    EXPECT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
    return *static_cast<int64_t*>(outputs[0].data);
  };
  planned = 0;
  const int64_t first = run(5000);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(run(5000), first);
  EXPECT_EQ(planned, 1);
  EXPECT_EQ(tw_session_arena_bytes(session.get()), 5'000'000);
  EXPECT_EQ(run(7), first) << "a smaller arena fits into the old one";
  EXPECT_EQ(planned, 2);
  EXPECT_EQ(tw_session_arena_bytes(session.get()), 7000);
}

TEST(Memory, too_much_of_it_is_refused_with_the_size) {
  Parts parts;
  parts.descriptor.plan = [](const int64_t*, int64_t*) { return arena_size; };
  arena_size = int64_t{1} << 50;
  Session session(parts);
  EXPECT_EQ(session.error_of({}),
            "cannot allocate 1125899906842624 bytes for the arena of module 'test'; free memory, use smaller inputs, or raise "
            "the limit of this process");
  arena_size = -1;
  EXPECT_EQ(session.error_of({}), "module 'test': these inputs need more memory than any machine has; use smaller inputs");
  arena_size = 100;
  std::vector<tw_tensor> none;
  EXPECT_EQ(session.run({}, none), TW_OK) << "the session works again: " << tw_last_error();
}

TEST(Memory, too_much_scratch_is_refused_with_the_size) {
  Parts parts;
  parts.descriptor.scratch_bytes = int64_t{1} << 50;
  tw_module* module = nullptr;
  tw_session* session = nullptr;
  ASSERT_EQ(tw_module_wrap(&parts.finished(), nullptr, nullptr, &module), TW_OK) << tw_last_error();
  tw_options options{};
  options.threads = 2;
  EXPECT_EQ(tw_session_create(module, &options, &session), TW_USER_ERROR);
  EXPECT_THAT(tw_last_error(), HasSubstr("cannot allocate 2251799813685248 bytes for the scratch of 2 threads"));
  tw_module_release(module);
  parts.descriptor.scratch_bytes = (int64_t{1} << 62);
  ASSERT_EQ(tw_module_wrap(&parts.descriptor, nullptr, nullptr, &module), TW_OK);
  options.threads = 16;
  EXPECT_EQ(tw_session_create(module, &options, &session), TW_USER_ERROR);
  EXPECT_THAT(tw_last_error(), HasSubstr("cannot allocate 4611686018427387904 bytes of scratch for each of 16 threads"));
  tw_module_release(module);
}

TEST(Session, wrong_options_are_refused) {
  Parts parts;
  tw_module* module = nullptr;
  tw_session* session = nullptr;
  ASSERT_EQ(tw_module_wrap(&parts.finished(), nullptr, nullptr, &module), TW_OK);
  for (int32_t threads : {-1, 1025}) {
    tw_options options{};
    options.threads = threads;
    EXPECT_EQ(tw_session_create(module, &options, &session), TW_USER_ERROR);
    EXPECT_EQ(tw_last_error(), "option threads: expected 0 (what this process may use) to 1024, found " + std::to_string(threads));
  }
  EXPECT_EQ(tw_session_create(nullptr, nullptr, &session), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_session_create: expected a module, found NULL");
  EXPECT_EQ(tw_session_create(module, nullptr, nullptr), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_session_create: expected a place for the session, found NULL");
  tw_module_release(module);
  tw_module_release(nullptr);
  tw_session_destroy(nullptr);
}

TEST(Session, releases_a_wrapped_module_once_when_the_last_user_goes) {
  Parts parts;
  int released = 0;
  tw_module* module = nullptr;
  tw_session* session = nullptr;
  ASSERT_EQ(tw_module_wrap(
                &parts.finished(), &released, [](void* count) { ++*static_cast<int*>(count); }, &module),
            TW_OK);
  ASSERT_EQ(tw_session_create(module, nullptr, &session), TW_OK);
  tw_module_release(module);
  EXPECT_EQ(released, 0);
  tw_session_destroy(session);
  EXPECT_EQ(released, 1);
}

TEST(Session, is_refused_to_a_second_thread_while_it_runs) {
  Parts parts;
  static std::atomic<int> stage;
  stage = 0;
  parts.descriptor.entry = [](tw_run*, int32_t) -> int32_t {
    stage = 1;
    while (stage == 1) std::this_thread::yield();
    return 0;
  };
  tw_options options{};
  options.threads = 1;
  Session session(parts, options);
  std::vector<tw_tensor> none;
  std::thread first([&] {
    std::vector<tw_tensor> no_outputs;
    EXPECT_EQ(session.run({}, no_outputs), TW_OK) << tw_last_error();
  });
  while (stage == 0) std::this_thread::yield();
  EXPECT_EQ(session.run({}, none), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "module 'test': the session is running on another thread; give each thread a session of its own");
  stage = 2;
  first.join();
}

TEST(Session, reports_what_generated_code_says_about_its_failure) {
  Parts parts;
  static int32_t kind;
  parts.descriptor.entry = [](tw_run* run, int32_t) -> int32_t {
    if (kind != 0) run->services->fail(run, kind, kind == 9 ? nullptr : "index 7 is out of range for 5 rows");
    return 1;
  };
  Session session(parts);
  for (int32_t status : {TW_USER_ERROR, TW_UNSUPPORTED, TW_INTERNAL_ERROR}) {
    kind = status;
    EXPECT_EQ(session.error_of({}, static_cast<tw_status>(status)), "index 7 is out of range for 5 rows");
  }
  kind = 9;
  EXPECT_EQ(session.error_of({}, TW_INTERNAL_ERROR), "the module gave no reason");
  kind = 0;
  EXPECT_EQ(session.error_of({}, TW_INTERNAL_ERROR), "the module's entry function failed without giving a reason");
}

TEST(Session, keeps_error_texts_apart_by_thread) {
  tw_module* module = nullptr;
  EXPECT_EQ(tw_module_load(nullptr, &module), TW_USER_ERROR);
  std::thread([] { EXPECT_STREQ(tw_last_error(), ""); }).join();
  EXPECT_STRNE(tw_last_error(), "");
}

TEST(Session, walks_steps_with_their_operands_and_stops_at_the_barrier_behind_a_failure) {
  // Operands are bases plus offsets; what is not shared is done by the first thread, which then is the only one; behind a barrier nothing
  // runs once a kernel has failed.
  static std::mutex mutex;
  static std::vector<std::vector<int64_t>> calls; // operand, operand, thread, threads
  Parts parts;
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    const auto note = [](tw_run* run, const int64_t* values, int32_t thread, int32_t threads, unsigned char* scratch) {
      EXPECT_EQ(scratch, run->scratch + thread * 64);
      const std::lock_guard lock(mutex);
      calls.push_back({values[0], values[1], thread, threads});
    };
    const auto fail = [](tw_run* run, const int64_t*, int32_t, int32_t, unsigned char*) { run->services->fail(run, 1, "no"); };
    const tw_operand operands[] = {{1, 5}, {0, 7}, {1, -1}, {1, 0}};
    const tw_step barrier{};
    const tw_step steps[] = {{note, operands, 2, 0, 1, 0}, barrier, {note, operands + 2, 2, 0, 0, 0}, barrier,
                             {fail, nullptr, 0, 0, 1, 0},  barrier, {note, operands, 2, 0, 1, 0}};
    const int64_t bases[] = {0, 100};
    int64_t values[2];
    return run->services->walk(run, thread, steps, 7, bases, values);
  };
  parts.descriptor.scratch_bytes = 64;
  for (int32_t threads : {1, 3}) {
    tw_options options{};
    options.threads = threads;
    calls.clear();
    EXPECT_EQ(Session(parts, options).error_of({}, TW_USER_ERROR), "no");
    std::ranges::sort(calls);
    std::vector<std::vector<int64_t>> expected = {{99, 100, 0, 1}};
    for (int32_t t = 0; t < threads; ++t) expected.push_back({105, 7, t, threads});
    EXPECT_EQ(calls, expected) << threads;
  }
}

TEST(Profile, sums_the_seconds_of_each_launch_and_starts_anew_with_each_run) {
  Parts parts;
  parts.launches = {{"first", "", "", 0, 0, 0}, {"never", "", "", 0, 0, 0}};
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    const auto sleep = [](tw_run*, const int64_t*, int32_t, int32_t, unsigned char*) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    const tw_step first = {sleep, nullptr, 0, 0, 1, 0}, unknown = {sleep, nullptr, 0, 99, 1, 0};
    const tw_step steps[] = {first, first, unknown};
    return run->services->walk(run, thread, steps, 3, nullptr, nullptr);
  };
  tw_options options{};
  options.profile = 1;
  Session session(parts, options), plain(parts);
  std::vector<tw_tensor> none;
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(session.run({}, none), TW_OK);
    EXPECT_GE(tw_session_launch_seconds(session.get(), 0), 0.002);
    EXPECT_EQ(tw_session_launch_seconds(session.get(), 1), 0);
  }
  EXPECT_LT(tw_session_launch_seconds(session.get(), 2), 0);
  EXPECT_LT(tw_session_launch_seconds(session.get(), -1), 0);
  ASSERT_EQ(plain.run({}, none), TW_OK);
  EXPECT_LT(tw_session_launch_seconds(plain.get(), 0), 0);
}

TEST(Profile, launches_are_described_with_the_sizes_of_the_run) {
  Parts parts;
  parts.with_symbol("n").input("x", {{0, 0, 0}}).output("y", {{0, 0, 0}});
  parts.launches = {{"first", "conv", "{}x3 -> 3x{}", 1, 2, 3}, {"second", nullptr, "2 -> k", 4, 5, 6}, {"third", "", "{}", 7, 8, 9}};
  parts.descriptor.describe = [](const int64_t* symbols, int64_t* sizes, double* amounts) {
    for (int64_t i = 0; i < 3; ++i) sizes[i] = symbols[0] + i;
    amounts[0] = 10.0 * static_cast<double>(symbols[0]);
    amounts[8] = amounts[7] + 1;
  };
  tw_options options{};
  options.profile = 1;
  Session session(parts, options), plain(parts);
  EXPECT_EQ(tw_session_launch(session.get(), 0), nullptr); // before the first run
  for (int64_t n : {2, 3, 3}) {
    Floats x = Floats::counting({n});
    std::vector<tw_tensor> outputs(1);
    ASSERT_EQ(session.run({x.tensor()}, outputs), TW_OK);
    const tw_launch &first = *tw_session_launch(session.get(), 0), &second = *tw_session_launch(session.get(), 1),
                    &third = *tw_session_launch(session.get(), 2);
    EXPECT_EQ(first.shape, std::to_string(n) + "x3 -> 3x" + std::to_string(n + 1));
    EXPECT_STREQ(first.origin, "conv");
    EXPECT_EQ(first.flops, 10.0 * static_cast<double>(n));
    EXPECT_EQ(first.bytes, 2);
    EXPECT_STREQ(second.shape, "2 -> k");
    EXPECT_EQ(second.predicted_ns, 6);
    EXPECT_EQ(third.shape, std::to_string(n + 2));
    EXPECT_EQ(third.predicted_ns, 9);
    ASSERT_EQ(plain.run({x.tensor()}, outputs), TW_OK);
  }
  EXPECT_EQ(tw_session_launch(session.get(), 3), nullptr);
  EXPECT_EQ(tw_session_launch(plain.get(), 0), nullptr);
}

} // namespace
} // namespace tw::test

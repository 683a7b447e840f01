// SPDX-License-Identifier: Apache-2.0
// Random sequences of primitives: whatever is not refused keeps the kernel's numbers.
#include "kernels.h"

#include <map>
#include <random>

namespace tw {
namespace {

using namespace schedule;
using testing::buffer;
using testing::nest;

// T = A @ B; U = T + bias; C = sum over columns of U * U; D = U[j, i]
Ref<Kernel> chain(const Ref<Var>& n) {
  Ref<Buffer> a = buffer("A", {n, imm(6)}), b = buffer("B", shape_of({6, 8})), bias = buffer("bias", shape_of({8}));
  Ref<Buffer> t = buffer("T", {n, imm(8)}), u = buffer("U", {n, imm(8)}), c = buffer("C", {n}), d = buffer("D", {imm(8), n});
  auto mm = nest(
      "mm", {n, imm(8), imm(6)},
      [&](auto v) {
        return store(t, {v[0], v[1]}, load(t, {v[0], v[1]}) + load(a, {v[0], v[2]}) * load(b, {v[2], v[1]}));
      },
      2,
      [&](auto v) {
        return store(t, {v[0], v[1]}, literal(0, f32));
      });
  auto add = nest("add", {n, imm(8)}, [&](auto v) { return store(u, v, load(t, v) + load(bias, {v[1]})); });
  auto sum = nest(
      "sum", {n, imm(8)},
      [&](auto v) {
        return store(c, {v[0]}, load(c, {v[0]}) + load(u, {v[0], v[1]}) * load(u, {v[0], v[1]}));
      },
      1, [&](auto v) { return store(c, {v[0]}, literal(0, f32)); });
  auto turn = nest("turn", {imm(8), n}, [&](auto v) { return store(d, v, load(u, {v[1], v[0]})); });
  return testing::kernel({a, b, bias}, {c, d}, {t, u}, {mm.stmt, add.stmt, sum.stmt, turn.stmt}, {n});
}

class RandomSteps {
public:
  RandomSteps(uint32_t seed, Schedule& s) : random_(seed), s_(s) {}
  std::string log;
  std::map<std::string, int> done;

  void step() {
    Ref<Stmt> before = s_.kernel()->body;
    std::string name = "?";
    try {
      name = apply();
      ++done[name];
      log += name + " ";
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::user) throw;
      s_.set_body(before);
    }
  }

private:
  int64_t number(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  template <class T> const T& pick(const std::vector<T>& items) {
    return items[static_cast<size_t>(number(0, static_cast<int64_t>(items.size()) - 1))];
  }
  Name block() { return pick(s_.blocks())->id; }
  Ref<Var> loop() {
    std::vector<Ref<Var>> all;
    visit(s_.kernel()->body, [&](const For& f) { all.push_back(f.var); });
    if (all.empty()) throw user_error("no loop");
    return pick(all);
  }
  Ref<Buffer> between() {
    std::vector<Ref<Buffer>> all;
    visit(s_.kernel()->body, [&](const Allocate& a) { all.push_back(a.buffer); });
    if (all.empty()) throw user_error("no buffer");
    return pick(all);
  }
  std::string apply() {
    switch (number(0, 22)) {
    case 0: return split(s_, loop(), number(1, 4)), "split";
    case 1: return fuse(s_, loop(), loop()), "fuse";
    case 2: {
      Loops all;
      for (const auto& f : s_.loops(block())) all.push_back(f->var);
      std::shuffle(all.begin(), all.end(), random_);
      return reorder(s_, all), "reorder";
    }
    case 3: {
      void (*kinds[])(Schedule&, const Ref<Var>&) = {parallel, vectorise, unroll};
      return kinds[number(0, 2)](s_, loop()), "set_kind";
    }
    case 4: return inline_block(s_, block()), "inline";
    case 5: return compute_at(s_, block(), loop()), "compute_at";
    case 6:
    case 7: return reverse_compute_at(s_, block(), loop()), "reverse_compute_at";
    case 8: return reverse_inline(s_, block()), "reverse_inline";
    case 9: return cache_write(s_, block(), "global"), "cache_write";
    case 10: {
      Ref<Block> b = s_.block(block());
      std::vector<Ref<Buffer>> read;
      visit(b->body, [&](const Load& l) { read.push_back(l.buffer); });
      if (read.empty()) throw user_error("reads nothing");
      return cache_read(s_, b->id, pick(read), "scratch"), "cache_read";
    }
    case 11:
    case 19:
    case 20:
    case 21:
    case 22: return narrow(s_, between(), loop()), "narrow";
    case 12: {
      Ref<Buffer> b = between();
      if (b->shape.size() != 2) throw user_error("rank");
      Ref<Var> x = var("x"), y = var("y");
      return transform_layout(s_, b, make(Lambda{.params = {x, y}, .results = {floordiv(y, 4), x, floormod(y, 4)}})), "transform_layout";
    }
    case 13: return pad(s_, loop(), number(2, 4)), "pad";
    case 14: return merge_loops(s_, loop(), loop()), "merge_loops";
    case 15: return split_evenly(s_, loop(), number(2, 5)), "split_evenly";
    case 16: return partition(s_, loop(), imm(number(0, 3))), "partition";
    case 17: return decompose_reduction(s_, block(), loop()), "decompose_reduction";
    default: return rfactor(s_, block(), loop()), "rfactor";
    }
  }
  std::mt19937 random_;
  Schedule& s_;
};

TEST(RandomSchedules, KeepTheNumbers) {
  Target target;
  Ref<Var> n = dim("n", 1, 50);
  Ref<Kernel> original = chain(n);
  std::vector<std::vector<int64_t>> sizes{{1}, {3}, {6}};
  std::vector<std::vector<std::vector<double>>> expected;
  for (const auto& dims : sizes) expected.push_back(testing::run(*original, dims));
  std::map<std::string, int> done;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    Schedule s(original, target);
    RandomSteps steps(seed, s);
    for (int i = 0; i < 25; ++i) {
      Ref<Kernel> before = s.kernel();
      ASSERT_NO_THROW(steps.step()) << seed << ": " << steps.log << "\n" << to_text(s.kernel());
      ASSERT_EQ(testing::misplaced(*s.kernel()), "") << seed << ": " << steps.log << "\n" << to_text(before) << to_text(s.kernel());
    }
    for (size_t i = 0; i < sizes.size(); ++i) {
      std::vector<std::vector<double>> found;
      try {
        found = testing::run(*s.kernel(), sizes[i]);
      } catch (const Error& error) { FAIL() << seed << ": " << steps.log << "\n" << error.what() << "\n" << to_text(s.kernel()); }
      ASSERT_EQ(expected[i], found) << seed << " n=" << sizes[i][0] << ": " << steps.log << "\n" << to_text(s.kernel());
    }
    for (const auto& [name, count] : steps.done) done[name] += count;
  }
  // Each primitive was at work, not only refused.
  for (const char* name :
       {"split", "fuse", "reorder", "set_kind", "inline", "compute_at", "reverse_compute_at", "reverse_inline", "cache_write", "cache_read",
        "narrow", "transform_layout", "pad", "merge_loops", "split_evenly", "partition", "decompose_reduction", "rfactor"})
    EXPECT_GT(done[name], 20) << name;
}

} // namespace
} // namespace tw

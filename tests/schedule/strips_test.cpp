// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions with 1 × 1 convolutions around them: one nest over strips, buffers of a strip, the same numbers.
#include "kernels.h"

#include "schedule/rules/rules.h"

namespace tw {
namespace {

using namespace schedule;
using testing::buffer;
using testing::nest;

struct Case {
  int64_t batch = 1, height = 9, width = 8, channels = 12, taps = 3, stride = 1, dilation = 1, pad = 1;
  bool expand = true, project = true, residual = false;
};

// x → 1 × 1 → bias, clip → borders → depthwise → relu → 1 × 1 → bias, sum
class Bottleneck {
public:
  explicit Bottleneck(const Case& c) : c_(c) {}

  Ref<Kernel> build() {
    Ref<Buffer> at = parameter("x", {c_.batch, c_.height, c_.width, c_.expand ? 5 : c_.channels});
    if (c_.expand) {
      Ref<Buffer> bias = parameter("bias", {c_.channels});
      at = map("expanded", pointwise("expand", at, c_.channels),
               [&](auto x, auto v) { return min(max(x + load(bias, {v[3]}), literal(0, f32)), literal(6, f32)); });
      if (c_.pad) at = padded(at);
    }
    bool last = !c_.project;
    at = map(
        "filtered", depthwise(at), [](auto x, auto) { return max(x, literal(0, f32)); }, last);
    if (!last) {
      at = pointwise("project", at, 7);
      Ref<Buffer> other = c_.residual ? parameter("other", sizes(at)) : at;
      at = map(
          "y", at, [&](auto x, auto v) { return c_.residual ? load(other, v) + x : x * literal(2, f32); }, true);
    }
    return testing::kernel(inputs_, {at}, between_, parts_);
  }

private:
  static std::vector<int64_t> sizes(const Ref<Buffer>& b) { return *static_shape(b->shape); }
  Ref<Buffer> parameter(const char* name, std::vector<int64_t> shape) { return inputs_.emplace_back(buffer(name, shape_of(shape))); }
  Ref<Buffer> local(const char* name, std::vector<int64_t> shape) { return between_.emplace_back(buffer(name, shape_of(shape))); }

  template <class F> Ref<Buffer> map(const char* name, const Ref<Buffer>& from, const F& value, bool result = false) {
    Ref<Buffer> to = result ? buffer(name, from->shape) : local(name, sizes(from));
    parts_.push_back(nest(name, to->shape, [&](auto v) { return store(to, v, value(load(from, v), v)); }).stmt);
    return to;
  }
  Ref<Buffer> sum(const char* name, std::vector<int64_t> shape, std::vector<int64_t> reduce,
                  const std::function<Ref<Expr>(std::vector<Ref<Expr>>)>& value) {
    Ref<Buffer> to = local(fmt::format("{}_sum", name).c_str(), shape);
    std::vector<int64_t> extents = shape;
    extents.insert(extents.end(), reduce.begin(), reduce.end());
    auto place = [](const auto& v) { return std::vector<Ref<Expr>>(v.begin(), v.begin() + 4); };
    parts_.push_back(nest(
                         name, shape_of(extents), [&](auto v) { return store(to, place(v), load(to, place(v)) + value(v)); }, 4,
                         [&](auto v) { return store(to, place(v), literal(0, f32)); })
                         .stmt);
    return to;
  }
  Ref<Buffer> pointwise(const char* name, const Ref<Buffer>& x, int64_t outputs) {
    auto in = sizes(x);
    Ref<Buffer> w = parameter(fmt::format("{}_weights", name).c_str(), {1, 1, in[3], outputs});
    return sum(name, {in[0], in[1], in[2], outputs}, {1, 1, in[3]}, [&](auto v) {
      return load(x, {v[0], v[1] + v[4], v[2] + v[5], v[6]}) * load(w, {v[4], v[5], v[6], v[3]});
    });
  }
  Ref<Buffer> padded(const Ref<Buffer>& x) {
    auto in = sizes(x);
    Ref<Buffer> to = local("padded", {in[0], in[1] + 2 * c_.pad, in[2] + 2 * c_.pad, in[3]});
    parts_.push_back(nest("padded", to->shape, [&](auto v) {
                       Ref<Expr> y = v[1] - c_.pad, z = v[2] - c_.pad;
                       Ref<Expr> inside = y >= imm(0) && y < imm(in[1]) && z >= imm(0) && z < imm(in[2]);
                       return store(to, v, Ref<Expr>(make(Load{.buffer = x, .index = {v[0], y, z, v[3]}, .mask = inside})));
                     }).stmt);
    return to;
  }
  Ref<Buffer> depthwise(const Ref<Buffer>& x) {
    auto in = sizes(x);
    int64_t reach = (c_.taps - 1) * c_.dilation + 1;
    Ref<Buffer> w = parameter("taps", {c_.taps, c_.taps, 1, in[3]});
    auto size = [&](size_t d) { return (in[d] - reach) / c_.stride + 1; };
    return sum("depthwise", {in[0], size(1), size(2), in[3]}, {c_.taps, c_.taps, 1}, [&](auto v) {
      return load(x, {v[0], v[1] * c_.stride + v[4] * c_.dilation, v[2] * c_.stride + v[5] * c_.dilation, v[3] + v[6]}) *
             load(w, {v[4], v[5], v[6], v[3]});
    });
  }

  Case c_;
  std::vector<Ref<Buffer>> inputs_, between_;
  std::vector<Ref<Stmt>> parts_;
};

Ref<Kernel> scheduled(const Ref<Kernel>& k, const Target& target) {
  return schedule_kernel(k, target, [](std::string, std::string) {});
}

// Elements of the buffers that a kernel allocates.
int64_t allocated(const Kernel& k) {
  int64_t out = 0;
  visit(k.body, [&](const Allocate& a, Walk walk) {
    out += *as_int(element_count(a.buffer->shape));
    walk(static_cast<const Node*>(&a));
  });
  return out;
}

TEST(Strips, AllOfAStripInOneNestWithBuffersOfItsSize) {
  Target target;
  Ref<Kernel> k = Bottleneck({.height = 24, .residual = true}).build(), after = scheduled(k, target);
  const auto* strips = as<For>(after->body);
  ASSERT_TRUE(strips && strips->how == ForKind::parallel) << to_text(after);
  EXPECT_GT(*as_int(strips->extent), 1);
  EXPECT_LT(allocated(*after) * 4, allocated(*k));
  EXPECT_EQ(testing::misplaced(*after), "");
  EXPECT_EQ(testing::run(*k, {}), testing::run(*after, {})) << to_text(after);
}

TEST(Strips, KeepTheNumbersOfEveryForm) {
  std::vector<Case> cases = {
      {},
      {.batch = 2, .residual = true},
      {.height = 11, .width = 13, .channels = 37},
      {.taps = 5, .stride = 2, .pad = 2},
      {.height = 12, .width = 10, .stride = 2},
      {.height = 13, .dilation = 2, .pad = 2},
      {.pad = 0},
      {.height = 10, .stride = 3, .pad = 0},
      {.project = false},
      {.batch = 3, .height = 10, .stride = 2, .project = false},
      {.expand = false},
      {.height = 11, .channels = 21, .taps = 5, .expand = false, .residual = true},
  };
  for (const Case& c : cases)
    for (int vector_bytes : {16, 32, 64})
      for (int cores : {1, 4}) {
        Target target;
        target.vector_bytes = vector_bytes;
        target.cores = cores;
        Ref<Kernel> k = Bottleneck(c).build(), after = scheduled(k, target);
        ASSERT_TRUE(as<For>(after->body)) << to_text(after);
        EXPECT_EQ(testing::misplaced(*after), "");
        EXPECT_EQ(testing::run(*k, {}), testing::run(*after, {})) << to_text(k) << to_text(after);
      }
}

} // namespace
} // namespace tw

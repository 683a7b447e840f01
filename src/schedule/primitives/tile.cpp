// SPDX-License-Identifier: Apache-2.0
#include "schedule/primitive.h"
namespace tw::schedule {
namespace {

Loops run(Schedule& s, const Loops& loops, const std::vector<int64_t>& sizes) {
  if (loops.empty() || loops.size() != sizes.size())
    throw schedule_error("tile", s.kernel(), fmt::format("there is one size for each loop, found {} for {}", sizes.size(), loops.size()));
  Schedule attempt = s;
  Loops outer, inner;
  for (size_t i = 0; i < loops.size(); ++i) {
    Loops parts = split(attempt, loops[i], sizes[i]);
    outer.push_back(parts[0]);
    inner.push_back(parts[1]);
  }
  outer.insert(outer.end(), inner.begin(), inner.end());
  reorder(attempt, outer);
  s.set_body(attempt.kernel()->body);
  return outer;
}

} // namespace

extern const Primitive tile_primitive = define<run>({
    .name = "tile",
    .doc = "splits each loop by its size and puts the outer ones before the inner ones",
    .parameters = {"loops", "sizes"},
    .takes = "A: In[(8, 8), f32], C: Out[(8, 8), f32]",
    .before = R"(
for i in range(8):
    for j in range(8):
        with block("c"):
            x, y = spatial(8, i), spatial(8, j)
            C[x, y] = A[x, y])",
    .call = R"(s.tile(["i", "j"], [4, 2]))",
    .after = R"(
for i_0 in range(2):
    for j_0 in range(4):
        for i_1 in range(4):
            for j_1 in range(2):
                with block("c"):
                    x, y = spatial(8, i_0 * 4 + i_1), spatial(8, j_0 * 2 + j_1)
                    C[x, y] = A[x, y])",
    .refused = {{R"(s.tile(["i", "j"], [4]))", "there is one size for each loop, found 1 for 2"}},
});

Loops tile(Schedule& s, const Loops& loops, const std::vector<int64_t>& sizes) { return recorded(run, tile_primitive, s, loops, sizes); }

} // namespace tw::schedule

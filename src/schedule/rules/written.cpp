// SPDX-License-Identifier: Apache-2.0
#include "schedule/rules/written.h"

namespace tw::schedule {

Ref<Stmt> loop_over(const char* name, const Ref<Expr>& extent, ForKind how, const At& body) {
  if (is_int(extent, 1) && how != ForKind::parallel) return body(imm(0));
  Ref<Var> v = var(name);
  return make(For{.begin = imm(0), .extent = extent, .var = v, .body = body(v), .how = how});
}
Ref<Stmt> loop_over(const char* name, int64_t extent, ForKind how, const At& body) { return loop_over(name, imm(extent), how, body); }

Ref<Stmt> over_vectors(int64_t count, int64_t lanes, const At& body) {
  std::vector<Ref<Stmt>> parts;
  for (int64_t done = 0; done < count; lanes /= 2) {
    int64_t vectors = (count - done) / lanes;
    if (!vectors) continue;
    parts.push_back(loop_over("c0", vectors, ForKind::serial, [&](const Ref<Expr>& v) {
      return loop_over("c1", lanes, ForKind::vectorised, [&](const Ref<Expr>& lane) { return body(imm(done) + v * lanes + lane); });
    }));
    done += vectors * lanes;
  }
  return seq(std::move(parts));
}

Ref<Stmt> over_panels(int64_t columns, int64_t width, ForKind how, const AtWidth& body) {
  width = std::min(width, columns);
  std::vector<Ref<Stmt>> parts = {
      loop_over("panel", columns / width, how, [&](const Ref<Expr>& panel) { return body(panel * width, width); })};
  if (int64_t rest = columns % width)
    parts.push_back(how == ForKind::parallel ? loop_over("last", 1, how, [&](const Ref<Expr>&) { return body(imm(columns - rest), rest); })
                                             : body(imm(columns - rest), rest));
  return seq(std::move(parts));
}

Ref<Stmt> over_even_steps(const char* name, int64_t extent, int64_t most, const AtWidth& body) {
  int64_t steps = (extent + most - 1) / most, small = extent / steps, larger = extent % steps;
  auto part = [&](int64_t begin, int64_t count, int64_t size) {
    return loop_over(name, count, ForKind::serial, [&](const Ref<Expr>& step) { return body(imm(begin) + step * size, size); });
  };
  std::vector<Ref<Stmt>> parts;
  if (larger) parts.push_back(part(0, larger, small + 1));
  if (steps > larger) parts.push_back(part(larger * (small + 1), steps - larger, small));
  return seq(std::move(parts));
}

Ref<Stmt> allocate(const Ref<Buffer>& buffer, const Ref<Stmt>& body) { return make(Allocate{.buffer = buffer, .body = body}); }
Ref<TileAxis> tile_axis(const Ref<Var>& variable, int64_t extent) { return make(TileAxis{.extent = imm(extent), .var = variable}); }

} // namespace tw::schedule

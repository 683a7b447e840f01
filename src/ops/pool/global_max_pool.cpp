// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct Global {
  bool channels_last = false;
  static constexpr auto fields = std::tuple{field("channels_last", &Global::channels_last)};
};
ReduceAttributes reduction(bool channels_last, int64_t rank) {
  std::vector<int64_t> axes;
  for (int64_t d = channels_last ? 1 : 2; d < (channels_last ? rank - 1 : rank); ++d) axes.push_back(d);
  return {.axes = axes, .keepdims = true};
}
} // namespace

extern const OpDef global_max_pool =
    define<Global>({.doc = "reduce_max over the spatial dimensions, which stay as 1",
                    .inputs = std::vector<std::string>{"x: float"},
                    .type = TypeRule([](TypeContext& c) {
                      if (c.rank(0) < 3) throw user_error("x must have rank 3 or more (batch, channels, space), found {}", c.rank(0));
                      auto a = reduction(c.attrs<Global>().channels_last, c.rank(0));
                      return Types{tensor_type(Reduced(c.shape(0), a.axes.vector(), true).kept(), c.element(0))};
                    }),
                    .fusion = Fusion::reduction,
                    .layout = Layout::channels_last,
                    .decompose =
                        [](DecomposeContext& c) {
                          auto rank = static_cast<int64_t>(tensor_of(c.arg(0))->shape.size());
                          return std::vector<Ref<Operand>>{
                              c.graph.call("reduce_max", {c.arg(0)}, to_attrs(reduction(c.attrs<Global>().channels_last, rank)))};
                        },
                    .examples = {"global_max_pool([[[1.0, 3.0], [2.0, 2.0]]]) == [[[3.0], [2.0]]]"}});

} // namespace tw::ops

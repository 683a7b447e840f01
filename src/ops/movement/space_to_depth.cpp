// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct SpaceToDepth {
  int64_t block = 1;
  bool channels_last = false;
  static constexpr auto fields = std::tuple{field("block", &SpaceToDepth::block), field("channels_last", &SpaceToDepth::channels_last)};
};
} // namespace

extern const OpDef space_to_depth = define<SpaceToDepth>(
    {.doc = "blocks of space become channels: each dimension of a plane shrinks by block; the channel is the fastest part of the depth",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<SpaceToDepth>();
       if (c.rank(0) != 4) throw user_error("x must have rank 4, found {}", c.rank(0));
       if (a.block < 1) throw user_error("block must be at least 1, found {}", a.block);

       size_t k = a.channels_last ? 3 : 1, s = a.channels_last ? 1 : 2;
       int64_t b = a.block;
       Shape x = c.shape(0);
       std::vector<Ref<Expr>> out = x.vector();
       for (size_t d : {s, s + 1}) {
         E size = c.same(x[d], floordiv(x[d], b) * b, "sizes of a plane and a multiple of block");
         out[d] = simplified(floordiv(size, b));
       }
       out[k] = simplified(x[k] * (b * b));
       return Types{tensor_type(Shape(std::move(out)), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .layout = Layout::channels_last,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<SpaceToDepth>();
           Tensor x = c.input(0);
           size_t k = a.channels_last ? 3 : 1, s = a.channels_last ? 1 : 2;
           int64_t b = a.block;
           c.output(0, [&](Indices i) {
             const E& channels = x.size(k);
             E within = floordiv(i[k], channels);
             i[k] = floormod(i[k], channels);
             i[s] = i[s] * b + floordiv(within, b);
             i[s + 1] = i[s + 1] * b + floormod(within, b);
             return x(i);
           });
         },
     .examples = {"space_to_depth([[[[1, 2], [3, 4]]]], block=2) == [[[[1]], [[2]], [[3]], [[4]]]]",
                  "space_to_depth([[[[1], [2]], [[3], [4]]]], block=2, channels_last=true) == [[[[1, 2, 3, 4]]]]"}});

} // namespace tw::ops

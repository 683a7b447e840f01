// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct DepthToSpace {
  int64_t block = 1;
  bool channels_last = false;
  Name order = "dcr";
  static constexpr auto fields = std::tuple{field("block", &DepthToSpace::block), field("channels_last", &DepthToSpace::channels_last),
                                            field("order", &DepthToSpace::order)};
};
} // namespace

extern const OpDef depth_to_space = define<DepthToSpace>(
    {.doc = "blocks of channels become space: each dimension of a plane grows by block; order dcr: the channel is the fastest part of the "
            "depth, crd: the slowest",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<DepthToSpace>();
       if (c.rank(0) != 4) throw user_error("x must have rank 4, found {}", c.rank(0));
       if (a.block < 1) throw user_error("block must be at least 1, found {}", a.block);
       if (a.order != "dcr" && a.order != "crd") throw user_error("order must be dcr or crd, found {}", a.order.str());
       size_t k = a.channels_last ? 3 : 1, s = a.channels_last ? 1 : 2;
       int64_t b = a.block;
       Shape x = c.shape(0);
       std::vector<Ref<Expr>> out = x.vector();
       E channels = c.same(x[k], floordiv(x[k], b * b) * (b * b), "channels and a multiple of block * block");
       out[k] = simplified(floordiv(channels, b * b));
       out[s] = simplified(x[s] * b);
       out[s + 1] = simplified(x[s + 1] * b);
       return Types{tensor_type(Shape(std::move(out)), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .layout = Layout::channels_last,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<DepthToSpace>();
           Tensor x = c.input(0);
           size_t k = a.channels_last ? 3 : 1, s = a.channels_last ? 1 : 2;
           int64_t b = a.block;
           c.output(0, [&](Indices i) {
             E within = floormod(i[s], b) * b + floormod(i[s + 1], b);
             i[k] = a.order == "dcr" ? within * c.output(0).size(k) + i[k] : i[k] * (b * b) + within;
             i[s] = floordiv(i[s], b);
             i[s + 1] = floordiv(i[s + 1], b);
             return x(i);
           });
         },
     .examples = {"depth_to_space([[[[1]], [[2]], [[3]], [[4]]]], block=2) == [[[[1, 2], [3, 4]]]]",
                  "depth_to_space(arange(i64, [1, 8, 1, 1]), block=2) == [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]]",
                  "depth_to_space(arange(i64, [1, 8, 1, 1]), block=2, order=\"crd\") == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]"}});

} // namespace tw::ops

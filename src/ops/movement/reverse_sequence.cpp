// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct ReverseSequence {
  int64_t batch_axis = 1, time_axis = 0;
  static constexpr auto fields =
      std::tuple{field("batch_axis", &ReverseSequence::batch_axis), field("time_axis", &ReverseSequence::time_axis)};
};
} // namespace

extern const OpDef reverse_sequence = define<ReverseSequence>(
    {.doc = "the first lengths[b] elements along the time axis in reverse order, for each index b of the batch axis; the others stay",
     .inputs = std::vector<std::string>{"x: any", "lengths: int"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<ReverseSequence>();
       auto batch = TypeContext::normalise_axis(a.batch_axis, c.rank(0), "batch_axis"),
            time = TypeContext::normalise_axis(a.time_axis, c.rank(0), "time_axis");
       if (batch == time) throw user_error("batch_axis and time_axis must differ, found {} twice", batch);
       if (c.rank(1) != 1) throw user_error("lengths must be a vector, found rank {}", c.rank(1));
       c.same(c.shape(0)[static_cast<size_t>(batch)], c.shape(1)[0], "the batch size and the number of lengths");
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::injective,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<ReverseSequence>();
           Tensor x = c.input(0), lengths = c.input(1);
           auto rank = static_cast<int64_t>(x.rank());
           auto batch = static_cast<size_t>(TypeContext::normalise_axis(a.batch_axis, rank)),
                time = static_cast<size_t>(TypeContext::normalise_axis(a.time_axis, rank));
           c.output(0, [&](Indices i) {
             E length = min(cast(i64, lengths({i[batch]})), x.size(time));
             i[time] = select(i[time] < length, length - 1 - i[time], i[time]);
             return x(i);
           });
         },
     .examples = {"reverse_sequence([[1, 4], [2, 5], [3, 6]], [2, 3]) == [[2, 6], [1, 5], [3, 4]]"}});

} // namespace tw::ops

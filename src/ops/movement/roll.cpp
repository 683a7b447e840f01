// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

namespace tw::ops {

namespace {
struct Roll {
  List<int64_t> shifts, axes;
  static constexpr auto fields = std::tuple{field("shifts", &Roll::shifts), field("axes", &Roll::axes)};
};

// How far each dimension is rolled.
std::vector<int64_t> shift_of_each(const Roll& a, size_t rank) {
  if (a.shifts.size() != a.axes.size())
    throw user_error("there must be one shift for each axis, found {} for {}", a.shifts.size(), a.axes.size());
  std::vector<int64_t> out(rank, 0);
  for (size_t k = 0; k < a.axes.size(); ++k)
    out[static_cast<size_t>(TypeContext::normalise_axis(a.axes[k], static_cast<int64_t>(rank), "axes"))] += a.shifts[k];
  return out;
}
} // namespace

extern const OpDef roll =
    define<Roll>({.doc = "x with its elements moved on by shifts along axes; what leaves at one end comes in at the other",
                  .inputs = std::vector<std::string>{"x: any"},
                  .type = TypeRule([](TypeContext& c) {
                    shift_of_each(c.attrs<Roll>(), c.shape(0).size());
                    return Types{c.tensor(0)};
                  }),
                  .fusion = Fusion::injective,
                  .compute =
                      [](Compute& c) {
                        Tensor x = c.input(0);
                        auto shifts = shift_of_each(c.attrs<Roll>(), x.rank());
                        c.output(0, [&](Indices i) {
                          for (size_t d = 0; d < shifts.size(); ++d) {
                            auto size = as_int(x.size(d));
                            int64_t back = size && *size > 0 ? ((-shifts[d]) % *size + *size) % *size : -shifts[d];
                            if (back) i[d] = floormod(i[d] + back, x.size(d));
                          }
                          return x(i);
                        });
                      },
                  .examples = {"roll([1, 2, 3, 4], shifts=[1], axes=[0]) == [4, 1, 2, 3]",
                               "roll([[1, 2, 3], [4, 5, 6]], shifts=[1, -1], axes=[0, -1]) == [[5, 6, 4], [2, 3, 1]]",
                               "roll(zeros(i64, [0]), shifts=[2], axes=[0]) == zeros(i64, [0])"}});

} // namespace tw::ops

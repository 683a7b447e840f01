// SPDX-License-Identifier: Apache-2.0
#include "ops/reference.h"

namespace tw::testing {

Array noise(DType dtype, std::vector<int64_t> shape, uint64_t seed) {
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  return tabulate(dtype, std::move(shape), [&](const std::vector<int64_t>&) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 40) / (1 << 23) - 1;
  });
}

void for_each(const std::vector<int64_t>& shape, const std::function<void(const std::vector<int64_t>&)>& f) {
  std::vector<int64_t> index(shape.size(), 0);
  for (int64_t n = interpreter::count_of(shape); n > 0; --n) {
    f(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

double at(const Array& a, const std::vector<int64_t>& index) {
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) {
    if (index[d] < 0 || index[d] >= a.shape[d]) return 0;
    offset = offset * a.shape[d] + index[d];
  }
  return a.number(offset);
}

Array tabulate(DType dtype, std::vector<int64_t> shape, const std::function<double(const std::vector<int64_t>&)>& f) {
  std::vector<double> values;
  for_each(shape, [&](const std::vector<int64_t>& i) { values.push_back(f(i)); });
  return Array::of(dtype, std::move(shape), std::span<const double>(values));
}

Array permuted(const Array& a, const std::vector<size_t>& order) {
  std::vector<int64_t> shape;
  for (size_t d : order) shape.push_back(a.shape[d]);
  return tabulate(a.dtype, shape, [&](const std::vector<int64_t>& i) {
    std::vector<int64_t> from(i.size());
    for (size_t d = 0; d < order.size(); ++d) from[order[d]] = i[d];
    return at(a, from);
  });
}

} // namespace tw::testing

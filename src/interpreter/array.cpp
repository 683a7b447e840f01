// SPDX-License-Identifier: Apache-2.0
#include "interpreter/array.h"

#include "ops/element.h"

namespace tw::interpreter {

int64_t count_of(const std::vector<int64_t>& shape) {
  constexpr int64_t most = int64_t{1} << 40;
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0) throw user_error("expected a size of at least 0, found {}", size);
    empty = empty || size == 0;
    if (size > most || (size && count > most / size)) throw user_error("a tensor of more than {} elements", most);
    if (size) count *= size;
  }
  return empty ? 0 : count;
}

int64_t Array::count() const { return count_of(shape); }
double Array::number(int64_t i) const { return ops::read_element(bytes.bytes().data() + i * dtype.bytes(), dtype); }
int64_t Array::integer(int64_t i) const { return ops::read_int(bytes.bytes().data() + i * dtype.bytes(), dtype); }

Array Array::of(DType dtype, std::vector<int64_t> shape, std::span<const double> values) {
  if (count_of(shape) != static_cast<int64_t>(values.size()))
    throw user_error("expected {} values, found {}", count_of(shape), values.size());
  std::vector<std::byte> bytes(values.size() * static_cast<size_t>(dtype.bytes()));
  for (size_t i = 0; i < values.size(); ++i) ops::write_element(bytes.data() + i * static_cast<size_t>(dtype.bytes()), dtype, values[i]);
  return Array{dtype, std::move(shape), Blob(std::move(bytes))};
}

Array Array::of(const Constant& constant) {
  auto sizes = static_shape(constant.type->shape);
  if (!sizes) throw internal_error("a constant's shape is not constant");
  if (count_of(*sizes) * constant.type->element.bytes() != static_cast<int64_t>(constant.data.size()))
    throw user_error("constant '{}' has {} bytes, expected {}", constant.id.str(), constant.data.size(),
                     count_of(*sizes) * constant.type->element.bytes());
  return Array{constant.type->element, *sizes, constant.data};
}

Ref<TensorType> Array::type() const { return tensor_type(tw::shape_of(std::span<const int64_t>(shape)), dtype); }
Ref<Constant> Array::constant(Name id) const { return make(Constant{.type = type(), .data = bytes, .id = id}); }

std::vector<double> Array::numbers() const {
  std::vector<double> out;
  for (int64_t i = 0; i < count(); ++i) out.push_back(number(i));
  return out;
}

} // namespace tw::interpreter

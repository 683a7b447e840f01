// SPDX-License-Identifier: Apache-2.0
// Strided copies drop dimensions of size 1, join what lies densely on both sides into longer pieces, and then walk like an odometer.
#include "runtime/tensors.h"

#include "runtime/failure.h"

#include <cstring>

namespace tw::runtime {
namespace {

enum : uint8_t { code_int = 0, code_unsigned = 1, code_float = 2, code_bfloat = 4, code_complex = 5, code_bool = 6 };

template <class Name> std::string list_text(tw_dtype dtype, size_t rank, Name&& name) {
  std::string result = dtype_text(dtype) + " (";
  for (size_t i = 0; i < rank; ++i) result += (i == 0 ? "" : ", ") + name(i);
  return result + ")";
}

struct Step {
  int64_t size, to, from; // strides in bytes
};

std::vector<Step> steps(const int64_t* to_strides, const int64_t* from_strides, std::span<const int64_t> shape, size_t item) {
  std::vector<Step> result; // innermost first
  int64_t dense = static_cast<int64_t>(item);
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    const int64_t to = to_strides != nullptr ? to_strides[i] * static_cast<int64_t>(item) : dense;
    const int64_t from = from_strides != nullptr ? from_strides[i] * static_cast<int64_t>(item) : dense;
    dense *= shape[i];
    if (!result.empty() && to == result.back().to * result.back().size && from == result.back().from * result.back().size)
      result.back().size *= shape[i];
    else result.push_back({shape[i], to, from});
  }
  return result;
}

template <size_t item> void copy_row(unsigned char* to, const unsigned char* from, const Step& step) {
  for (int64_t i = 0; i < step.size; ++i) std::memcpy(to + i * step.to, from + i * step.from, item);
}

void copy_row(unsigned char* to, const unsigned char* from, const Step& step, size_t item) {
  switch (item) {
  case 1: return copy_row<1>(to, from, step);
  case 2: return copy_row<2>(to, from, step);
  case 4: return copy_row<4>(to, from, step);
  case 8: return copy_row<8>(to, from, step);
  default:
    for (int64_t i = 0; i < step.size; ++i) std::memcpy(to + i * step.to, from + i * step.from, item);
  }
}

} // namespace

std::string dtype_text(tw_dtype dtype) {
  const char* letter = dtype.code == code_int        ? "i"
                       : dtype.code == code_unsigned ? "u"
                       : dtype.code == code_float    ? "f"
                       : dtype.code == code_bfloat   ? "bf"
                       : dtype.code == code_complex  ? "complex"
                                                     : nullptr;
  std::string result;
  if (dtype.code == code_bool && dtype.bits == 8) result = "bool";
  else if (letter != nullptr) result = text(letter, dtype.bits);
  else result = text("a type of code ", dtype.code, " and ", dtype.bits, " bits");
  if (dtype.lanes != 1) result += text("x", dtype.lanes);
  return result;
}

size_t item_bytes(tw_dtype dtype) {
  const bool known = dtype.code <= code_float || (dtype.code >= code_bfloat && dtype.code <= code_bool);
  return known && dtype.lanes == 1 && dtype.bits % 8 == 0 ? dtype.bits / 8 : 0;
}

std::string shape_text(tw_dtype dtype, std::span<const int64_t> shape) {
  return list_text(dtype, shape.size(), [&](size_t i) { return std::to_string(shape[i]); });
}

std::string port_text(const tw_port& port, const tw_symbol* symbols) {
  return list_text(port.dtype, static_cast<size_t>(port.rank), [&](size_t i) {
    const tw_dimension& dimension = port.dimensions[i];
    if (dimension.symbol >= 0) return std::string(symbols[dimension.symbol].name);
    return dimension.symbol == TW_FIXED ? std::to_string(dimension.size) : std::string("?");
  });
}

std::optional<size_t> dense_bytes(size_t item, std::span<const int64_t> shape) {
  for (int64_t size : shape)
    if (size == 0) return 0;
  int64_t bytes = static_cast<int64_t>(item);
  for (int64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  return static_cast<size_t>(bytes);
}

bool is_dense(std::span<const int64_t> shape, const int64_t* strides) {
  if (strides == nullptr) return true;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    if (__builtin_mul_overflow(expected, shape[i], &expected)) return false;
  }
  return true;
}

std::optional<Extent> extent(size_t item, std::span<const int64_t> shape, const int64_t* strides) {
  Extent result{0, static_cast<int64_t>(item)};
  int64_t dense = static_cast<int64_t>(item);
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue; // its stride is never used and may be anything
    int64_t stride = dense, reach;
    if (strides != nullptr && __builtin_mul_overflow(strides[i], static_cast<int64_t>(item), &stride)) return std::nullopt;
    if (__builtin_mul_overflow(stride, shape[i] - 1, &reach)) return std::nullopt;
    int64_t& side = reach < 0 ? result.begin : result.end;
    if (__builtin_add_overflow(side, reach, &side)) return std::nullopt;
    if (strides == nullptr && __builtin_mul_overflow(dense, shape[i], &dense)) return std::nullopt;
  }
  return result;
}

void copy_strided(unsigned char* to, const int64_t* to_strides, const unsigned char* from, const int64_t* from_strides,
                  std::span<const int64_t> shape, size_t item) {
  for (int64_t size : shape)
    if (size == 0) return;
  std::vector<Step> walk = steps(to_strides, from_strides, shape, item);
  size_t piece = item;
  const auto item_step = static_cast<int64_t>(item);
  if (!walk.empty() && walk[0].to == item_step && walk[0].from == item_step) {
    piece *= static_cast<size_t>(walk[0].size);
    walk.erase(walk.begin());
  }
  if (walk.empty()) {
    std::memcpy(to, from, piece);
    return;
  }
  std::vector<int64_t> position(walk.size(), 0);
  for (;;) {
    copy_row(to, from, walk[0], piece);
    size_t i = 1;
    for (; i < walk.size(); ++i) {
      to += walk[i].to;
      from += walk[i].from;
      if (++position[i] < walk[i].size) break;
      to -= walk[i].to * walk[i].size;
      from -= walk[i].from * walk[i].size;
      position[i] = 0;
    }
    if (i == walk.size()) return;
  }
}

void check_tensor(const tw_tensor& tensor, const char* role, const char* name) {
  const auto refuse = [&](const std::string& why) { throw Failure(TW_USER_ERROR, text(role, " '", name, "': ", why)); };
  if (tensor.device_type != 1) refuse(text("expected memory of the processor (device type 1), found device type ", tensor.device_type));
  if (tensor.ndim < 0 || tensor.ndim > TW_MAX_RANK) refuse(text("expected a rank from 0 to ", TW_MAX_RANK, ", found ", tensor.ndim));
  if (tensor.ndim > 0 && tensor.shape == nullptr) refuse(text("expected a shape of ", tensor.ndim, " dimensions, found a null pointer"));
  const size_t item = item_bytes(tensor.dtype);
  const auto shape = shape_of(tensor);
  for (int64_t size : shape)
    if (size < 0) refuse(text("expected dimensions that are not negative, found ", shape_text(tensor.dtype, shape)));
  const auto bytes = dense_bytes(item == 0 ? 1 : item, shape);
  if (!bytes || (*bytes != 0 && !extent(item, shape, tensor.strides)))
    refuse(text("expected a size that fits into memory, found ", shape_text(tensor.dtype, shape)));
  if (*bytes != 0 && tensor.data == nullptr) refuse(text("expected data for ", shape_text(tensor.dtype, shape), ", found a null pointer"));
}

} // namespace tw::runtime

// SPDX-License-Identifier: Apache-2.0
// Tensors as the user describes them: types and shapes as text, sizes without overflow, strides, and copies between layouts.
#pragma once

#include "tensorwright/module.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tw::runtime {

inline bool same_dtype(tw_dtype a, tw_dtype b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }

// "f32", "bool"; for what no port can have: "code 9 of 4 bits".
std::string dtype_text(tw_dtype dtype);

// Bytes of one element; 0 when the runtime cannot hold such elements.
size_t item_bytes(tw_dtype dtype);

// "f32 (1, 3, 224, 224)", "f32 ()".
std::string shape_text(tw_dtype dtype, std::span<const int64_t> shape);
// The same for a port: "f32 (n, 3, ?)".
std::string port_text(const tw_port& port, const tw_symbol* symbols);

// Bytes of a dense tensor; nothing when that does not fit into 63 bits. Contract: no negative dimension.
std::optional<size_t> dense_bytes(size_t item, std::span<const int64_t> shape);

// Whether row-major order without gaps lies behind these strides (null: yes). Dimensions of size 1 may have any stride.
bool is_dense(std::span<const int64_t> shape, const int64_t* strides);

// The bytes that a tensor touches, relative to its first element; nothing when that overflows. Contract: no dimension is 0.
struct Extent {
  int64_t begin, end;
};
std::optional<Extent> extent(size_t item, std::span<const int64_t> shape, const int64_t* strides);

// Copies element by element; null strides are dense. The two do not overlap.
void copy_strided(unsigned char* to, const int64_t* to_strides, const unsigned char* from, const int64_t* from_strides,
                  std::span<const int64_t> shape, size_t item);

// Checks what must hold for every tensor that a user passes: device, rank, type, sizes. Errors begin with role and name: "input 'x'".
// Throws Failure.
void check_tensor(const tw_tensor& tensor, const char* role, const char* name);

inline std::span<const int64_t> shape_of(const tw_tensor& tensor) { return {tensor.shape, static_cast<size_t>(tensor.ndim)}; }

} // namespace tw::runtime

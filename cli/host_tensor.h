// SPDX-License-Identifier: Apache-2.0
// A dense array in the command's memory, and its files: NumPy's .npy (one array) and .npz (several, by name, in a ZIP archive).
#pragma once

#include "base/dtype.h"
#include "tensorwright/module.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tw::cli {

struct HostTensor {
  DType dtype;
  std::vector<int64_t> shape;
  std::shared_ptr<std::byte[]> data; // aligned to 64 bytes

  // Uninitialised memory. A user error if the sizes are negative or too large.
  static HostTensor allocate(DType dtype, std::vector<int64_t> shape);
  int64_t elements() const;
  int64_t bytes() const { return elements() * dtype.bytes(); }
  std::span<const std::byte> view() const { return {data.get(), static_cast<size_t>(bytes())}; }
  // For the C interface; valid while this lives.
  tw_tensor tensor() const;
  double number(int64_t i) const;
  void set_number(int64_t i, double value);
  std::string type_text() const; // "f32[1, 3, 224, 224]"
};

DType from_c_dtype(tw_dtype dtype);

// Little-endian arrays of every numeric type and bool; Fortran order is transposed. bfloat16 is written as uint16, NumPy having no such
// type, and read as such: a model that wants bf16 takes uint16 arrays for it. Errors name the file, what was expected and what was found.
HostTensor read_npy(const std::filesystem::path& path);
HostTensor parse_npy(std::span<const std::byte> bytes, const std::string& name);
std::vector<std::byte> format_npy(const HostTensor& tensor);
void write_npy(const std::filesystem::path& path, const HostTensor& tensor);

using NamedTensors = std::vector<std::pair<std::string, HostTensor>>;
// Members may be stored or deflated.
NamedTensors read_npz(const std::filesystem::path& path);
NamedTensors parse_npz(std::span<const std::byte> bytes, const std::string& name);
void write_npz(const std::filesystem::path& path, const NamedTensors& tensors);

// Whole files; errors are the user's. Writing goes aside first, then renames.
std::vector<std::byte> read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

} // namespace tw::cli

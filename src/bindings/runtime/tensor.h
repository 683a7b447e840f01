// SPDX-License-Identifier: Apache-2.0
// Outputs of a run: a Tensor owns its memory and lends it through the buffer protocol and DLPack.
#pragma once

#include "tensorwright/module.h"

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

namespace tw::bindings {

// "f32", "bool", "bf16" …; `size` is the bytes of one element.
std::string dtype_name(tw_dtype dtype);
int64_t dtype_bytes(tw_dtype dtype);

// The bytes of a dense tensor; a user error if they do not fit into memory.
int64_t dense_bytes(tw_dtype dtype, const std::vector<int64_t>& shape);

struct Tensor {
  std::shared_ptr<void> memory;
  tw_dtype dtype;
  std::vector<int64_t> shape;

  int64_t elements() const;
  int64_t bytes() const { return elements() * dtype_bytes(dtype); }
};

void bind_tensor(nanobind::module_& module);

} // namespace tw::bindings
